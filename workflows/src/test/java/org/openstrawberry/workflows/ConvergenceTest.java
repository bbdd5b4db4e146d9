package org.openstrawberry.workflows;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.openstrawberry.config.UntilSpec;
import org.openstrawberry.workflows.TrainingState.HeldOut;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.Evaluation;
import org.openstrawberry.workflows.steps.Step;

class ConvergenceTest {
    private static final ArtifactRef FILE = new ArtifactRef("step.json", 0, "");

    @Test
    void goesOnUntilTheLastIteration() {
        assertThat(Convergence.reason(until(3), state(2))).isEmpty();
        assertThat(Convergence.reason(until(3), state(3))).contains("3 iterations done");
    }

    @Test
    void aSingleLowLossDoesNotStopARun() {
        UntilSpec until = new UntilSpec(
                100, Optional.of(0.5), Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
        TrainingState state = TrainingState.fresh().after(step(1, 0.69)).after(step(2, 0.1));

        assertThat(Convergence.reason(until, state)).isEmpty();
        for (int i = 3; i < 30; i++) {
            state = state.after(step(i, 0.1));
        }
        assertThat(Convergence.reason(until, state).orElseThrow()).contains("smoothed loss");
    }

    @Test
    void stopsWhenTheHeldOutResultIsReached() {
        UntilSpec until = new UntilSpec(
                100, Optional.empty(), Optional.of(0.9), Optional.empty(), Optional.empty(), Optional.empty());

        assertThat(Convergence.reason(until, TrainingState.fresh().after(evaluation(1, 0.89))))
                .isEmpty();
        assertThat(Convergence.reason(until, TrainingState.fresh().after(evaluation(1, 0.9))))
                .isPresent();
    }

    @Test
    void aPlateauIsSoManyEvaluationsWithoutANewBest() {
        UntilSpec until = new UntilSpec(
                100, Optional.empty(), Optional.empty(), Optional.of(2), Optional.empty(), Optional.empty());
        TrainingState state = TrainingState.fresh()
                .after(evaluation(0, 0.5))
                .after(evaluation(10, 0.6))
                .after(evaluation(20, 0.6));

        assertThat(Convergence.reason(until, state)).isEmpty();
        assertThat(state.heldOut().map(HeldOut::bestIteration)).contains(10);
        assertThat(Convergence.reason(until, state.after(evaluation(30, 0.59)))).isPresent();
    }

    @Test
    void stopsAboveTheKlBudget() {
        UntilSpec until = new UntilSpec(
                100, Optional.empty(), Optional.empty(), Optional.empty(), Optional.of(0.2), Optional.empty());
        Step step = new Step(1, FILE, true, Map.of("objective/kl", 0.3), Optional.empty(), 0);

        assertThat(Convergence.reason(until, TrainingState.fresh().after(step))).isPresent();
    }

    @Test
    void stopsAfterItsWallTime() {
        UntilSpec until = new UntilSpec(
                100, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.of("2m"));

        assertThat(Convergence.reason(until, TrainingState.fresh().spending(119)))
                .isEmpty();
        assertThat(Convergence.reason(until, TrainingState.fresh().spending(120)))
                .isPresent();
    }

    private static UntilSpec until(int iterations) {
        return new UntilSpec(
                iterations, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
    }

    private static TrainingState state(int iteration) {
        return TrainingState.fresh().after(step(iteration, 0.7));
    }

    private static Step step(int iteration, double loss) {
        return new Step(iteration, FILE, true, Map.of("loss", loss), Optional.empty(), 0);
    }

    private static Evaluation evaluation(int iteration, double heldOut) {
        return new Evaluation(iteration, FILE, heldOut, Map.of(), 0);
    }
}
