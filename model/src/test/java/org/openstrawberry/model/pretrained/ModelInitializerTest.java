package org.openstrawberry.model.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;

class ModelInitializerTest {
    private final Path directory;

    ModelInitializerTest(@TempDir Path directory) {
        this.directory = directory;
    }

    @Test
    void theSameSeedGivesTheSameBytesEverywhere() throws Exception {
        byte[] bytes = init(7, "a");
        assertThat(init(7, "b")).isEqualTo(bytes);
        assertThat(init(8, "c")).isNotEqualTo(bytes);
        // Written down once: the bytes of a seed must never change, or a published run can no longer be repeated.
        assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)))
                .isEqualTo("d474be7f08b09504c8d0c439a7266ca861322094b43c339e2659f1fd7b8541c4");
    }

    @Test
    void makesACompleteModelDirectory() throws IOException {
        init(7, "a");
        ModelDirectory made = ModelDirectory.open(directory.resolve("a"));
        assertThat(made.config())
                .isEqualTo(ModelDirectory.open(Vectors.model("llama")).config());
        assertThat(made.eosIds()).containsExactly(5, 1);
    }

    @Test
    void normsAreOneAndTheRestIsNormal() throws IOException {
        byte[] bytes = init(7, "a");
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        buffer.position(8 + (int) buffer.getLong());
        double sum = 0;
        double squares = 0;
        double fourths = 0;
        int ones = 0;
        int normals = 0;
        while (buffer.hasRemaining()) {
            float value = buffer.getFloat();
            if (value == 1) {
                ones++;
            } else {
                normals++;
                double z = value / 0.02;
                sum += z;
                squares += z * z;
                fourths += z * z * z * z;
            }
        }
        assertThat(ones).isEqualTo(5 * 64);
        assertThat(sum / normals).isCloseTo(0, within(0.01));
        assertThat(squares / normals).isCloseTo(1, within(0.02));
        assertThat(fourths / normals).isCloseTo(3, within(0.1));
    }

    @Test
    void normsOfOnePlusTheirWeightAndBiasesStartAtZero() {
        try (NDManager manager = Torch.start(1, "cpu")) {
            ModelInitializer.init(Vectors.model("gemma2"), 7, directory.resolve("gemma2"));
            Weights gemma = ModelDirectory.open(directory.resolve("gemma2")).load(manager);
            assertThat(gemma.get("model.norm.weight").abs().max().getFloat()).isZero();
            ModelInitializer.init(Vectors.model("gpt2"), 7, directory.resolve("gpt2"));
            Weights gpt2 = ModelDirectory.open(directory.resolve("gpt2")).load(manager);
            assertThat(gpt2.get("transformer.h.0.attn.c_attn.bias").abs().max().getFloat())
                    .isZero();
            assertThat(gpt2.get("transformer.ln_f.weight").min().getFloat()).isEqualTo(1);
        }
    }

    @Test
    void ofGpt2WhatIsAddedToTheResidualStreamIsDrawnSmaller() {
        try (NDManager manager = Torch.start(1, "cpu")) {
            ModelInitializer.init(Vectors.model("gpt2"), 7, directory.resolve("gpt2"));
            ModelDirectory model = ModelDirectory.open(directory.resolve("gpt2"));
            Weights gpt2 = model.load(manager);
            double range = model.config().initializerRange();
            double smaller = range / Math.sqrt(2.0 * model.config().layers());
            assertThat(deviation(gpt2, "transformer.h.0.attn.c_attn.weight")).isCloseTo(range, withinPercentage(5));
            assertThat(deviation(gpt2, "transformer.h.0.mlp.c_fc.weight")).isCloseTo(range, withinPercentage(5));
            assertThat(deviation(gpt2, "transformer.h.0.attn.c_proj.weight")).isCloseTo(smaller, withinPercentage(5));
            assertThat(deviation(gpt2, "transformer.h.1.mlp.c_proj.weight")).isCloseTo(smaller, withinPercentage(5));
        }
    }

    private static double deviation(Weights weights, String name) {
        double sum = 0;
        float[] elements = weights.get(name).toFloatArray();
        for (float element : elements) {
            sum += (double) element * element;
        }
        return Math.sqrt(sum / elements.length);
    }

    private byte[] init(long seed, String name) throws IOException {
        ModelInitializer.init(Vectors.model("llama"), seed, directory.resolve(name));
        return Files.readAllBytes(directory.resolve(name).resolve("model.safetensors"));
    }
}
