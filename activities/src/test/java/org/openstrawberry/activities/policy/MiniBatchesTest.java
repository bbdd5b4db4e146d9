package org.openstrawberry.activities.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.openstrawberry.config.OptimizerSpec;
import org.openstrawberry.config.ScheduleSpec;
import org.openstrawberry.model.training.DpoStep;
import org.openstrawberry.model.training.PairLogProbs;
import org.openstrawberry.model.training.PairTokens;

class MiniBatchesTest {
    @Test
    void byDefaultAnIterationIsOneStepOnAllPairsInTheirOrder() {
        assertThat(MiniBatches.plan(4, spec(1, 0), 7, 3)).containsExactly(List.of(0, 1, 2, 3));
        assertThat(MiniBatches.plan(2, spec(3, 5), 7, 3)).containsExactly(List.of(0, 1), List.of(0, 1), List.of(0, 1));
    }

    @Property
    void everyEpochTakesEachPairOnce(
            @ForAll @IntRange(min = 1, max = 40) int pairs,
            @ForAll @IntRange(min = 1, max = 4) int epochs,
            @ForAll @IntRange(min = 0, max = 12) int size,
            @ForAll @IntRange(min = 0, max = 9) int seed) {
        List<List<Integer>> steps = MiniBatches.plan(pairs, spec(epochs, size), seed, 2);

        List<Integer> all = new ArrayList<>();
        steps.forEach(all::addAll);
        for (int epoch = 0; epoch < epochs; epoch++) {
            assertThat(all.subList(epoch * pairs, (epoch + 1) * pairs))
                    .containsExactlyInAnyOrderElementsOf(
                            IntStream.range(0, pairs).boxed().toList());
        }
        assertThat(steps).allMatch(step -> size == 0 || step.size() <= size);
        assertThat(MiniBatches.plan(pairs, spec(epochs, size), seed, 2)).isEqualTo(steps);
    }

    @Test
    void theOrderIsAnotherInEachIterationEpochAndSeed() {
        List<List<Integer>> steps = MiniBatches.plan(32, spec(2, 16), 1, 1);

        assertThat(steps.get(2)).isNotEqualTo(steps.get(0));
        assertThat(MiniBatches.plan(32, spec(2, 16), 1, 2)).isNotEqualTo(steps);
        assertThat(MiniBatches.plan(32, spec(2, 16), 2, 1)).isNotEqualTo(steps);
    }

    @Test
    void theFirstEpochSpeaksForTheIterationWhateverItsBatches() {
        List<List<Integer>> batches = List.of(List.of(2, 0), List.of(1), List.of(0, 1), List.of(2));
        List<DpoStep> steps = List.of(step(3, 20, 0), step(9, 10), step(100, 100, 100), step(100, 100));

        DpoStep first = MiniBatches.firstEpoch(steps, batches, 3);

        assertThat(first.loss()).isCloseTo(5, within(1e-12));
        assertThat(first.logProbs()).extracting(PairLogProbs::policyChosen).containsExactly(0.0, 10.0, 20.0);
    }

    private static DpoStep step(double loss, double... chosen) {
        List<PairLogProbs> scored = new ArrayList<>();
        List<PairTokens> tokens = new ArrayList<>();
        List<Double> losses = new ArrayList<>();
        for (double value : chosen) {
            scored.add(new PairLogProbs(value, 0, 0, 0));
            float[] one = {0};
            tokens.add(new PairTokens(new float[] {(float) value}, one, one, one, 1));
            losses.add(loss);
        }
        return new DpoStep(loss, 1, losses, tokens, scored);
    }

    private static OptimizerSpec spec(int epochs, int miniBatchPairs) {
        return new OptimizerSpec(
                OptimizerSpec.Kind.SGD,
                0.1,
                List.of(0.9, 0.999),
                1e-8,
                0,
                0,
                OptimizerSpec.Decay.ALL,
                0,
                new ScheduleSpec(ScheduleSpec.Kind.CONSTANT, 0, 0),
                64,
                Optional.empty(),
                Optional.of(epochs),
                miniBatchPairs);
    }
}
