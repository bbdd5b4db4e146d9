package org.openstrawberry.model.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Weights;

class DecoderTest {
    private static final float LOGITS = 1e-4f;

    private NDManager manager;

    static List<String> models() {
        return Vectors.languageModels();
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
    void logitsOfSingleSequencesAreTheReferences(String name) {
        VectorModel model = new VectorModel(name);
        Weights weights = model.weights(manager);
        for (int i = 0; i < model.at("/single").size(); i++) {
            int[] ids = Vectors.ids(model.at("/single/" + i));
            assertThat(logits(model.decoder(), weights, ids))
                    .containsExactly(model.floats("single" + i + ".logits", manager), within(LOGITS));
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void logitsInAPaddedBatchAreTheReferences(String name) {
        VectorModel model = new VectorModel(name);
        int[][] batch = new int[model.at("/batch").size()][];
        for (int row = 0; row < batch.length; row++) {
            batch[row] = Vectors.ids(model.at("/batch/" + row));
        }
        float[] found = logits(model.decoder(), model.weights(manager), batch);
        float[] expected = model.floats("batch.logits", manager); // [rows, longest, vocab]
        int vocab = model.config().vocabSize();
        int time = expected.length / batch.length / vocab;
        int at = 0;
        for (int row = 0; row < batch.length; row++) {
            int size = batch[row].length * vocab;
            assertThat(Arrays.copyOfRange(found, at, at + size))
                    .containsExactly(
                            Arrays.copyOfRange(expected, row * time * vocab, row * time * vocab + size),
                            within(LOGITS));
            at += size;
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void positionsCountFromTheFirstTokenWhateverStoodBeforeIt(String name) {
        VectorModel model = new VectorModel(name);
        int[] ids = Vectors.ids(model.at("/left_padded"));
        float[] found = logits(model.decoder(), model.weights(manager), ids);
        assertThat(found).containsExactly(model.floats("left_padded_0.logits", manager), within(LOGITS));
        assertThat(found).containsExactly(model.floats("left_padded_7.logits", manager), within(LOGITS));
    }

    @Test
    void sameCallTwiceGivesTheSameBits() {
        ModelConfig config = TinyModel.config();
        Weights weights = TinyModel.weights(config, 3, manager);
        Decoder decoder = new Decoder(config);
        int[][] rows = {{1, 2, 3, 4, 5}, {6, 7, 8}};
        assertThat(logits(decoder, weights, rows)).containsExactly(logits(decoder, weights, rows));
    }

    @Test
    void aMissingTensorIsNamed() {
        Decoder decoder = new Decoder(TinyModel.config());
        assertThatThrownBy(() -> decoder.weights(Map.of(), manager))
                .isInstanceOf(NoSuchElementException.class)
                .hasMessageContaining("model.layers.0.self_attn.q_proj.weight");
    }

    private float[] logits(Decoder decoder, Weights weights, int[]... rows) {
        return Logits.of(decoder, weights.asMap(), manager, rows);
    }
}
