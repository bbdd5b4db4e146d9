package org.openstrawberry.model.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
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
            assertThat(logits(model.decoder(), weights, 0, ids))
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
        float[] found = logits(model.decoder(), model.weights(manager), model.padId(), batch);
        float[] expected = model.floats("batch.logits", manager);
        int vocab = model.config().vocabSize();
        int time = found.length / batch.length / vocab;
        for (int row = 0; row < batch.length; row++) {
            int from = row * time * vocab;
            int to = from + batch[row].length * vocab;
            assertThat(Arrays.copyOfRange(found, from, to))
                    .containsExactly(Arrays.copyOfRange(expected, from, to), within(LOGITS));
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void positionsCountFromTheFirstTokenWhateverStoodBeforeIt(String name) {
        VectorModel model = new VectorModel(name);
        int[] ids = Vectors.ids(model.at("/left_padded"));
        float[] found = logits(model.decoder(), model.weights(manager), 0, ids);
        assertThat(found).containsExactly(model.floats("left_padded_0.logits", manager), within(LOGITS));
        assertThat(found).containsExactly(model.floats("left_padded_7.logits", manager), within(LOGITS));
    }

    @Test
    void paddingIdsDoNotMatter() {
        ModelConfig config = TinyModel.config();
        Weights weights = TinyModel.weights(config, 1, manager);
        Decoder decoder = new Decoder(config);
        int[] longRow = {1, 2, 3, 4, 5, 6};
        int[] shortRow = {7, 8};
        float[] one = logits(decoder, weights, 0, longRow, shortRow);
        float[] other = logits(decoder, weights, 12, longRow, shortRow);
        int real = (6 + 2) * config.vocabSize();
        assertThat(Arrays.copyOf(one, real)).containsExactly(Arrays.copyOf(other, real));
    }

    @Test
    void tokenByTokenWithACacheEqualsAllAtOnce() {
        ModelConfig config = TinyModel.config(13, 16, 3, 4, 2, 6, 20);
        Weights weights = TinyModel.weights(config, 2, manager);
        Decoder decoder = new Decoder(config);
        int[][] rows = {{1, 2, 3, 4, 5, 6, 7}, {8, 9, 10, 11, 12}, {3, 1, 4, 1, 5, 9}};
        int[] prompts = {4, 2, 3}; // each is followed by three more tokens
        FusedWeights fused = decoder.fuse(weights.asMap(), manager);
        try (KvCache first = decoder.newCache(prompts, manager)) {
            int[][] padded =
                    Arrays.stream(rows).map(row -> Arrays.copyOf(row, 4)).toArray(int[][]::new);
            decoder.prefill(fused, ids(0, padded), first);
            int[] swapped = {2, 0, 1, 0};
            KvCache cache = first.select(swapped, 3, manager);
            for (int t = 0; t < 3; t++) {
                long[] next = new long[swapped.length];
                for (int r = 0; r < next.length; r++) {
                    next[r] = rows[swapped[r]][prompts[swapped[r]] + t];
                }
                NDArray hidden = decoder.next(fused, Tensors.longs(manager, next, new Shape(next.length, 1)), cache);
                float[] found = decoder.logits(fused, hidden).toFloatArray();
                for (int r = 0; r < next.length; r++) {
                    int length = prompts[swapped[r]] + t + 1;
                    float[] whole = logits(decoder, weights, 0, Arrays.copyOf(rows[swapped[r]], length));
                    float[] last = Arrays.copyOfRange(whole, (length - 1) * 13, length * 13);
                    assertThat(Arrays.copyOfRange(found, r * 13, (r + 1) * 13)).containsExactly(last, within(1e-5f));
                }
            }
            NDArray oneMore = Tensors.longs(manager, new long[4], new Shape(4, 1));
            assertThatThrownBy(() -> decoder.next(fused, oneMore, cache)).hasMessageContaining("the cache is full");
        }
    }

    @Test
    void sameCallTwiceGivesTheSameBits() {
        ModelConfig config = TinyModel.config();
        Weights weights = TinyModel.weights(config, 3, manager);
        Decoder decoder = new Decoder(config);
        int[][] rows = {{1, 2, 3, 4, 5}, {6, 7, 8}};
        assertThat(logits(decoder, weights, 0, rows)).containsExactly(logits(decoder, weights, 0, rows));
    }

    @Test
    void aMissingTensorIsNamed() {
        Decoder decoder = new Decoder(TinyModel.config());
        assertThatThrownBy(() -> decoder.fuse(Map.of(), manager))
                .isInstanceOf(NoSuchElementException.class)
                .hasMessageContaining("model.embed_tokens.weight");
    }

    private float[] logits(Decoder decoder, Weights weights, int pad, int[]... rows) {
        try (NDManager scratch = manager.newSubManager()) {
            FusedWeights fused = decoder.fuse(weights.asMap(), scratch);
            NDArray batch = ids(pad, rows);
            batch.attach(scratch);
            return decoder.logits(fused, decoder.hidden(fused, batch)).toFloatArray();
        }
    }

    private NDArray ids(int pad, int[]... rows) {
        int time = Arrays.stream(rows).mapToInt(row -> row.length).max().orElseThrow();
        long[] ids = new long[rows.length * time];
        Arrays.fill(ids, pad);
        for (int row = 0; row < rows.length; row++) {
            for (int t = 0; t < rows[row].length; t++) {
                ids[row * time + t] = rows[row][t];
            }
        }
        return Tensors.longs(manager, ids, new Shape(rows.length, time));
    }
}
