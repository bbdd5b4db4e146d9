package org.openstrawberry.model.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.Generator;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.safetensors.SafetensorsFile;

/** What transformers computes on models that use each option of a family; tools/family-vectors made them. */
class FamilyTest {
    private static final int LENGTH = 40;
    private static final float LOGITS = 1e-4f;

    private NDManager manager;

    static List<String> models() {
        return Vectors.families();
    }

    @BeforeEach
    void start() {
        manager = Torch.start(1, "cpu");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @MethodSource("models")
    void logitsAreTheReferences(String name) {
        Model model = new Model(name);
        NDArray ids = Tensors.longs(manager, model.longs("ids"), new Shape(3, LENGTH));
        FusedWeights fused = model.decoder.fuse(model.weights.asMap(), manager);
        NDArray logits = model.decoder.logits(fused, model.decoder.hidden(fused, ids));
        assertThat(logits.toFloatArray()).containsExactly(model.floats("logits"), within(LOGITS));
    }

    @ParameterizedTest
    @MethodSource("models")
    void logitsBehindPaddingAreTheReferences(String name) {
        Model model = new Model(name);
        long[] ids = Arrays.copyOf(model.longs("ids"), 20);
        FusedWeights fused = model.decoder.fuse(model.weights.asMap(), manager);
        NDArray hidden = model.decoder.hidden(fused, Tensors.longs(manager, ids, new Shape(1, ids.length)));
        assertThat(model.decoder.logits(fused, hidden).toFloatArray())
                .containsExactly(model.floats("left"), within(LOGITS));
    }

    @ParameterizedTest
    @MethodSource("models")
    void greedyContinuationsPastTheWindowAreTheReferences(String name) {
        Model model = new Model(name);
        int[] prompt = Arrays.stream(model.longs("ids"))
                .limit(12)
                .mapToInt(Math::toIntExact)
                .toArray();
        int[] expected =
                Arrays.stream(model.longs("greedy")).mapToInt(Math::toIntExact).toArray();
        // Among shorter and longer prompts, so that its cache is padded.
        List<GenerationRequest> wave = List.of(
                new GenerationRequest(0, new int[] {5}, 1),
                new GenerationRequest(1, prompt, 2),
                new GenerationRequest(2, new int[23], 1));
        Completion completion = new Completion(expected, false);
        assertThat(new Generator(model.decoder, Set.of(), 0)
                        .generate(model.weights, wave, SamplingSettings.greedy(24), 0, 0)
                        .get(1))
                .containsExactly(completion, completion);
    }

    @ParameterizedTest
    @MethodSource("models")
    void tokenByTokenWithACacheEqualsAllAtOncePastTheWindow(String name) {
        Model model = new Model(name);
        long[] ids = model.longs("ids");
        float[] logits = model.floats("logits");
        int vocab = model.config.vocabSize();
        FusedWeights fused = model.decoder.fuse(model.weights.asMap(), manager);
        int[] prompts = {3, 11, 9};
        long[] padded = new long[3 * 11];
        for (int row = 0; row < 3; row++) {
            System.arraycopy(ids, row * LENGTH, padded, row * 11, prompts[row]);
        }
        try (KvCache first = model.decoder.newCache(prompts, manager)) {
            model.decoder.prefill(fused, Tensors.longs(manager, padded, new Shape(3, 11)), first);
            KvCache cache = first.select(new int[] {0, 1, 2}, 29, manager);
            for (int t = 0; t < 29; t++) {
                long[] next = new long[3];
                for (int row = 0; row < 3; row++) {
                    next[row] = ids[row * LENGTH + prompts[row] + t];
                }
                NDArray hidden = model.decoder.next(fused, Tensors.longs(manager, next, new Shape(3, 1)), cache);
                float[] found = model.decoder.logits(fused, hidden).toFloatArray();
                for (int row = 0; row < 3; row++) {
                    int at = row * LENGTH + prompts[row] + t;
                    assertThat(Arrays.copyOfRange(found, row * vocab, (row + 1) * vocab))
                            .containsExactly(Arrays.copyOfRange(logits, at * vocab, (at + 1) * vocab), within(LOGITS));
                }
            }
        }
    }

    /** The slope along a random direction, by the gradient and by two evaluations. */
    @ParameterizedTest
    @MethodSource("models")
    void gradientsAreTheSlopesOfTheFunction(String name) {
        Model model = new Model(name);
        long[] ids = model.longs("ids");
        Random random = new Random(1);
        float[] weighting = gaussians(random, ids.length * model.config.vocabSize());
        Map<String, float[]> direction = new LinkedHashMap<>();
        model.weights
                .asMap()
                .forEach((tensor, array) -> direction.put(tensor, gaussians(random, Math.toIntExact(array.size()))));

        double slope = 0;
        for (Map.Entry<String, float[]> gradient :
                gradients(model, ids, weighting).entrySet()) {
            float[] along = direction.getOrDefault(gradient.getKey(), new float[0]);
            for (int i = 0; i < along.length; i++) {
                slope += (double) along[i] * gradient.getValue()[i];
            }
        }
        double step = 1e-3;
        move(model.weights, direction, step);
        double above = value(model, ids, weighting);
        move(model.weights, direction, -2 * step);
        double below = value(model, ids, weighting);
        assertThat((above - below) / (2 * step)).isCloseTo(slope, within(Math.max(0.02 * Math.abs(slope), 3)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2"})
    void gradientsOfAllTensorsAreTheReferences(String name) {
        VectorModel vectors = new VectorModel(name);
        float[] slopes = vectors.floats("dpo.token_gradient.sigmoid", manager); // [rows, time]
        Weights weights = vectors.weights(manager);
        Map<String, NDArray> aliases = aliases(weights);
        int rows = 2 * vectors.at("/dpo/pairs").size();
        int time = slopes.length / rows;
        NDArray tokens = Tensors.longs(manager, vectors.longs("dpo.input_ids", manager), new Shape(rows, time + 1));
        try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
            FusedWeights fused = vectors.decoder().fuse(aliases, manager);
            NDArray inputs = tokens.get(":, :" + time).duplicate();
            NDArray logProbs = vectors.decoder()
                    .logits(fused, vectors.decoder().hidden(fused, inputs))
                    .logSoftmax(-1)
                    .gather(tokens.get(":, 1:").duplicate().reshape(rows, time, 1), 2)
                    .reshape(rows, time);
            collector.backward(logProbs.mul(Tensors.floats(manager, slopes, new Shape(rows, time)))
                    .sum());
        }
        vectors.file("dpo_gradients.safetensors", manager).forEach((tensor, expected) -> {
            NDArray alias = aliases.get(tensor);
            assertThat(alias).as(tensor).isNotNull();
            assertThat(alias.getGradient().toFloatArray()).as(tensor).containsExactly(expected, within(1e-5f));
        });
    }

    @Test
    void morePositionsThanAModelHasLearnedAreTold() {
        Model model = new Model("gpt2_untied");
        FusedWeights fused = model.decoder.fuse(model.weights.asMap(), manager);
        NDArray tooLong = Tensors.longs(manager, new long[65], new Shape(1, 65));
        assertThatThrownBy(() -> model.decoder.hidden(fused, tooLong))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the model has learned 64 positions, found a text of 65 tokens");
    }

    private Map<String, float[]> gradients(Model model, long[] ids, float[] weighting) {
        Map<String, NDArray> aliases = aliases(model.weights);
        try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
            collector.backward(weighted(model, aliases, ids, weighting));
        }
        Map<String, float[]> gradients = new LinkedHashMap<>();
        aliases.forEach((name, alias) -> gradients.put(name, alias.getGradient().toFloatArray()));
        return gradients;
    }

    private double value(Model model, long[] ids, float[] weighting) {
        try (NoGradient noGradient = NoGradient.open()) {
            return weighted(model, model.weights.asMap(), ids, weighting).getFloat();
        }
    }

    private NDArray weighted(Model model, Map<String, NDArray> weights, long[] ids, float[] weighting) {
        FusedWeights fused = model.decoder.fuse(weights, manager);
        NDArray hidden = model.decoder.hidden(fused, Tensors.longs(manager, ids, new Shape(3, LENGTH)));
        NDArray logits = model.decoder.logits(fused, hidden);
        return logits.mul(Tensors.floats(manager, weighting, logits.getShape())).sum();
    }

    private Map<String, NDArray> aliases(Weights weights) {
        Map<String, NDArray> aliases = new LinkedHashMap<>();
        weights.asMap().forEach((name, array) -> {
            NDArray alias = array.stopGradient();
            alias.attach(manager);
            alias.setRequiresGradient(true);
            aliases.put(name, alias);
        });
        return aliases;
    }

    private void move(Weights weights, Map<String, float[]> direction, double step) {
        weights.asMap()
                .forEach((name, array) ->
                        array.addi(Tensors.floats(manager, direction.getOrDefault(name, new float[0]), array.getShape())
                                .muli((float) step)));
    }

    private static float[] gaussians(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * 0.1);
        }
        return values;
    }

    private final class Model {
        private final Path directory;
        private final ModelConfig config;
        private final Decoder decoder;
        private final Weights weights;

        Model(String name) {
            directory = Vectors.family(name);
            config = ModelConfig.read(directory.resolve("config.json"));
            decoder = new Decoder(config);
            weights = Weights.load(directory.resolve("model.safetensors"), manager);
            assertThat(weights.names())
                    .containsExactlyInAnyOrderElementsOf(config.tensorShapes().keySet());
        }

        float[] floats(String name) {
            try (SafetensorsFile file = SafetensorsFile.open(directory.resolve("vectors.safetensors"))) {
                return file.read(name, manager).toFloatArray();
            }
        }

        long[] longs(String name) {
            try (SafetensorsFile file = SafetensorsFile.open(directory.resolve("vectors.safetensors"))) {
                return file.read(name, manager).toLongArray();
            }
        }
    }
}
