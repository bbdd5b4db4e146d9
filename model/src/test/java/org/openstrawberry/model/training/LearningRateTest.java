package org.openstrawberry.model.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.openstrawberry.model.training.LearningRate.Shape;

class LearningRateTest {
    private static final double EXACT = 1e-12;

    @Test
    void constantIsConstant() {
        LearningRate rate = LearningRate.constant(3e-4);
        assertThat(rate.at(0)).isEqualTo(3e-4);
        assertThat(rate.at(1_000_000)).isEqualTo(3e-4);
    }

    @Test
    void theRiseEndsAtThePeakAndItsFirstStepIsNotLost() {
        for (Shape shape : Shape.values()) {
            LearningRate rate = new LearningRate(shape, 1, 4, 100, 0.1);
            assertThat(new double[] {rate.at(0), rate.at(1), rate.at(2), rate.at(3), rate.at(4)})
                    .containsExactly(0.25, 0.5, 0.75, 1, 1);
        }
    }

    @Test
    void linearFallsToItsFinalShareAtTheLastStepAndStays() {
        LearningRate rate = new LearningRate(Shape.LINEAR, 2, 0, 11, 0.1);
        assertThat(rate.at(0)).isEqualTo(2);
        assertThat(rate.at(5)).isCloseTo(1.1, within(EXACT));
        assertThat(rate.at(10)).isCloseTo(0.2, within(EXACT));
        assertThat(rate.at(50)).isCloseTo(0.2, within(EXACT));
    }

    @Test
    void cosineFallsToItsFinalShareAtTheLastStepAndStays() {
        LearningRate rate = new LearningRate(Shape.COSINE, 2, 0, 11, 0);
        assertThat(rate.at(0)).isEqualTo(2);
        assertThat(rate.at(5)).isCloseTo(1, within(EXACT));
        assertThat(rate.at(10)).isCloseTo(0, within(EXACT));
        assertThat(rate.at(11)).isCloseTo(0, within(EXACT));
    }

    @Test
    void valuesOutOfRangeAreRefused() {
        assertThatThrownBy(() -> LearningRate.constant(0)).hasMessage("peak must be > 0, found 0.0");
        assertThatThrownBy(() -> new LearningRate(Shape.LINEAR, 1, -1, 1, 0)).hasMessageContaining("warmupSteps");
        assertThatThrownBy(() -> new LearningRate(Shape.LINEAR, 1, 0, 1, 2)).hasMessageContaining("finalFraction");
        assertThatThrownBy(() -> LearningRate.constant(1).at(-1)).hasMessageContaining("step");
    }
}
