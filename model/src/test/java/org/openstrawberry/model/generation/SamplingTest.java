package org.openstrawberry.model.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.kernels.Kernels;
import org.openstrawberry.model.transformer.Tensors;

class SamplingTest {
    private NDManager manager;

    @BeforeEach
    void start() {
        manager = Torch.start(1, "cpu");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void greedyTakesTheFirstOfEquals() {
        assertThat(sample(SamplingSettings.greedy(1), rows(2, 1, 5, 5, 0, /* next row */ 7, 7, 7, 7), 0, 0))
                .containsExactly(1, 0);
    }

    @Test
    void theLargestUniformStillFindsAToken() {
        NDArray logits = rows(1, 0, 0, Float.NEGATIVE_INFINITY);
        assertThat(sample(plain(), logits, 1 - 0x1p-24f)).containsExactly(1);
    }

    @Test
    void anImpossibleTokenIsNeverDrawn() {
        NDArray logits = rows(1, Float.NEGATIVE_INFINITY, 0, 0, Float.NEGATIVE_INFINITY);
        assertThat(sample(plain(), logits, 0)).containsExactly(1);
        assertThat(sample(plain(), logits, 0.5f)).containsExactly(2);
        assertThat(sample(plain(), logits, 1 - 0x1p-24f)).containsExactly(2);
    }

    @Test
    void uniformsPartTheUnitIntervalByProbability() {
        NDArray logits = rows(
                4, log(.5), log(.25), log(.25), log(.5), log(.25), log(.25), log(.5), log(.25), log(.25), log(.5),
                log(.25), log(.25));
        assertThat(sample(plain(), logits, 0.49f, 0.51f, 0.74f, 0.76f)).containsExactly(0, 1, 1, 2);
    }

    @Test
    void topKKeepsTiesAtItsThreshold() {
        float[] found = probabilities(new SamplingSettings(1, 2, 1, 0, 1), rows(1, 1, 3, 1, 0));
        assertThat(found[0]).isPositive().isEqualTo(found[2]);
        assertThat(found[3]).isZero();
    }

    @Test
    void aTopKBeyondTheVocabularyKeepsAll() {
        float[] found = probabilities(new SamplingSettings(1, 50, 1, 0, 1), rows(1, 1, 3));
        assertThat(found[0]).isPositive();
    }

    @Test
    void aTinyTopPKeepsTheLikeliestTokenAlone() {
        assertThat(probabilities(new SamplingSettings(1, 0, 1e-9, 0, 1), rows(2, 1, 3, 2, /* next row */ 4, 0, 1)))
                .containsExactly(0, 1, 0, 1, 0, 0);
    }

    @Test
    void aMinPOfOneKeepsTheLikeliestTokenAlone() {
        assertThat(probabilities(new SamplingSettings(1, 0, 1, 1, 1), rows(1, 1, 3, 2)))
                .containsExactly(0, 1, 0);
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatThrownBy(() -> new SamplingSettings(-1, 0, 1, 0, 1))
                .hasMessage("temperature must be ≥ 0, found -1.0");
        assertThatThrownBy(() -> new SamplingSettings(Double.NaN, 0, 1, 0, 1)).hasMessageContaining("temperature");
        assertThatThrownBy(() -> new SamplingSettings(1, -1, 1, 0, 1)).hasMessageContaining("topK");
        assertThatThrownBy(() -> new SamplingSettings(1, 0, 0, 0, 1)).hasMessageContaining("topP");
        assertThatThrownBy(() -> new SamplingSettings(1, 0, 1, 1.1, 1)).hasMessageContaining("minP");
        assertThatThrownBy(() -> new SamplingSettings(1, 0, 1, 0, 0)).hasMessageContaining("maxNewTokens");
    }

    private static SamplingSettings plain() {
        return new SamplingSettings(1, 0, 1, 0, 1);
    }

    private static long[] sample(SamplingSettings settings, NDArray logits, float... uniforms) {
        NDManager manager = logits.getManager();
        return Kernels.call("choose")
                .with(logits)
                .with(Tensors.floats(manager, uniforms, new Shape(uniforms.length)))
                .with(manager.create(new Shape(0)))
                .with(numbers(settings))
                .tensors(manager)
                .get(0)
                .toLongArray();
    }

    /** What tokens are drawn from. */
    static float[] probabilities(SamplingSettings settings, NDArray logits) {
        NDManager manager = logits.getManager();
        return Kernels.call("distribution")
                .with(logits)
                .with(manager.create(new Shape(0)))
                .with(numbers(settings))
                .tensor(manager)
                .toFloatArray();
    }

    private static double[] numbers(SamplingSettings settings) {
        return new double[] {settings.temperature(), settings.topK(), settings.topP(), settings.minP()};
    }

    private static float log(double probability) {
        return (float) Math.log(probability);
    }

    private NDArray rows(int rows, float... logits) {
        return Tensors.floats(manager, logits, new Shape(rows, logits.length / rows));
    }
}
