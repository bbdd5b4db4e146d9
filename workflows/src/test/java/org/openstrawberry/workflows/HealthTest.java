package org.openstrawberry.workflows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.openstrawberry.config.HealthSpec;
import org.openstrawberry.config.HealthSpec.Action;
import org.openstrawberry.workflows.Health.Check;
import org.openstrawberry.workflows.Health.Diagnosis;
import org.openstrawberry.workflows.Health.Rollbacks;
import org.openstrawberry.workflows.Health.Vitals;
import org.openstrawberry.workflows.TrainingState.HeldOut;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.Evaluation;

/** What is found of an iteration's metrics, and what follows. */
class HealthTest {
    /** A row that no check has anything against. */
    private static final Map<String, Double> SOUND = Map.of(
            "loss", 0.7,
            "objective/kl", 0.1,
            "objective/entropy", 20.0,
            "thoughts/distinct", 0.9,
            "val/contain_eos_token", 1.0,
            "objective/scores_std", 0.5,
            "thoughts/mean_length", 30.0,
            "rewards/chosen", -0.1,
            "beta", 0.1);

    /** After an iteration with that row. */
    private static final TrainingState BEFORE = new TrainingState(
            0,
            4,
            Optional.of(0.6),
            Optional.of(0.1),
            Optional.of(new HeldOut(4, 0.7, 0.8, 2, 1)),
            0,
            Map.of(),
            Optional.empty(),
            Optional.of(new Vitals(Optional.of(20.0), Optional.of(30.0), List.of(), Optional.empty())),
            Optional.empty());

    static Stream<Arguments> unhealthy() {
        return Stream.of(
                arguments(Check.KL, Map.of("objective/kl", 5.1), 5.1),
                arguments(Check.ENTROPY, Map.of("objective/entropy", 1.0), 0.05),
                arguments(Check.DISTINCT, Map.of("thoughts/distinct", 0.25), 0.25),
                arguments(Check.TRUNCATED, Map.of("val/contain_eos_token", 0.25), 0.75),
                arguments(Check.REWARD_SPREAD, Map.of("objective/scores_std", 0.0), 0.0),
                arguments(Check.LENGTH, Map.of("thoughts/mean_length", 75.0), 2.5),
                arguments(Check.LENGTH, Map.of("thoughts/mean_length", 6.0), 0.2),
                arguments(Check.LOSS, Map.of("loss", 1.9), 1.9),
                arguments(Check.CHOSEN, Map.of("rewards/chosen", -1.0), 10.0),
                arguments(Check.NON_FINITE, Map.of("health/non_finite", 1.0), 1.0));
    }

    @ParameterizedTest
    @MethodSource("unhealthy")
    void eachCheckWarnsByItsOwnBoundAndSaysWhatItFound(Check check, Map<String, Double> instead, double found) {
        Diagnosis diagnosis = diagnose(Action.WARN, BEFORE, instead);

        assertThat(diagnosis.warnings()).containsExactly(Map.entry(check.metric(), found));
        assertThat(diagnosis.vitals())
                .hasValueSatisfying(vitals -> assertThat(vitals.unhealthy()).containsExactly(check.metric()));
        IterationMetrics row = row(instead).with(diagnosis.warnings());
        assertThat(Health.warned(row)).containsExactly(check);
        assertThat(Health.words(Optional.of(bounds(Action.WARN)), check, row))
                .contains("; ")
                .doesNotContain("NaN", "%");
    }

    @Test
    void aSoundIterationOnlyHasNothingToSay() {
        Diagnosis diagnosis = diagnose(Action.STOP, BEFORE, Map.of());

        assertThat(diagnosis.warnings()).isEmpty();
        assertThat(diagnosis.action()).isEqualTo(Action.WARN);
        assertThat(diagnosis.reasonToStop(Optional.of(bounds(Action.STOP)))).isEmpty();
    }

    /** A bound is the last value that is still sound. */
    @Test
    void theBoundsThemselvesAreSound() {
        Map<String, Double> bounds = Map.of(
                "objective/kl", 5.0,
                "objective/entropy", 2.0,
                "thoughts/distinct", 0.5,
                "val/contain_eos_token", 0.5,
                "objective/scores_std", 0.1,
                "thoughts/mean_length", 60.0,
                "rewards/chosen", -0.8);

        assertThat(diagnose(Action.WARN, BEFORE, bounds).warnings()).isEmpty();
    }

    @Test
    void theFirstIterationIsWhatLaterOnesAreComparedWith() {
        Diagnosis first = diagnose(Action.WARN, TrainingState.fresh(), Map.of());

        assertThat(first.warnings()).isEmpty();
        assertThat(first.vitals())
                .contains(new Vitals(Optional.of(20.0), Optional.of(30.0), List.of(), Optional.empty()));
    }

    @Test
    void aLossMayBeNegative() {
        TrainingState before = BEFORE.rolledBack(new TrainingState(
                0,
                3,
                Optional.of(-0.5),
                Optional.empty(),
                Optional.empty(),
                0,
                Map.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty()));

        assertThat(diagnose(Action.WARN, before, Map.of("loss", 0.4)).warnings())
                .isEmpty();
        assertThat(diagnose(Action.WARN, before, Map.of("loss", 0.6)).warnings())
                .containsKey(Check.LOSS.metric());
    }

    @Test
    void withoutBoundsNothingIsLookedAt() {
        Diagnosis off = Health.diagnose(Optional.empty(), TrainingState.fresh(), row(Map.of("objective/kl", 1e9)));

        assertThat(off).isEqualTo(new Diagnosis(Map.of(), Optional.empty(), Action.WARN));
    }

    @Test
    void whatGoesOnBeingWrongPausesOnce() {
        Map<String, Double> far = Map.of("objective/kl", 9.0);
        Diagnosis first = diagnose(Action.PAUSE, BEFORE, far);
        TrainingState resumed = BEFORE.showing(first.vitals());

        assertThat(first.action()).isEqualTo(Action.PAUSE);
        assertThat(diagnose(Action.PAUSE, resumed, far).action()).isEqualTo(Action.WARN);
        assertThat(diagnose(Action.PAUSE, resumed, Map.of("objective/kl", 9.0, "thoughts/distinct", 0.1))
                        .action())
                .isEqualTo(Action.PAUSE);
        TrainingState sound =
                resumed.showing(diagnose(Action.PAUSE, resumed, Map.of()).vitals());
        assertThat(diagnose(Action.PAUSE, sound, far).action()).isEqualTo(Action.PAUSE);
    }

    @Test
    void aRefusedStepPausesEveryTimeWhateverIsAskedForShortOfMore() {
        Map<String, Double> refused = Map.of("health/non_finite", 1.0);
        TrainingState again =
                BEFORE.showing(diagnose(Action.WARN, BEFORE, refused).vitals());

        assertThat(diagnose(Action.WARN, again, refused).action()).isEqualTo(Action.PAUSE);
        assertThat(diagnose(Action.PAUSE, again, refused).action()).isEqualTo(Action.PAUSE);
        assertThat(diagnose(Action.ROLLBACK, again, refused).action()).isEqualTo(Action.ROLLBACK);
        assertThat(diagnose(Action.STOP, again, refused).action()).isEqualTo(Action.STOP);
    }

    @Test
    void aStopNamesAllThatIsWrong() {
        Diagnosis diagnosis = diagnose(Action.STOP, BEFORE, Map.of("objective/kl", 9.0, "thoughts/distinct", 0.1));

        assertThat(diagnosis.reasonToStop(Optional.of(bounds(Action.STOP))))
                .contains("unhealthy: the policy is 9.00 nats from the reference, above health.kl-above 5.00;"
                        + " only a share of 0.100 of a prompt's thoughts differ, below health.distinct-below 0.500");
    }

    @Test
    void aRolledBackIterationIsCountedButNothingThatItMeasured() {
        TrainingState bad = new TrainingState(
                0,
                5,
                Optional.of(9.0),
                Optional.of(50.0),
                Optional.of(new HeldOut(5, 0.9, 0.9, 5, 0)),
                7,
                Map.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());

        TrainingState rolledBack = bad.rolledBack(BEFORE);

        assertThat(rolledBack.iteration()).isEqualTo(5);
        assertThat(rolledBack.standsAt()).isEqualTo(2);
        assertThat(rolledBack.smoothedLoss()).contains(0.6);
        assertThat(rolledBack.kl()).contains(0.1);
        assertThat(rolledBack.heldOut()).contains(new HeldOut(4, 0.7, 0.8, 2, 2));
        assertThat(rolledBack.seconds()).isEqualTo(7);
    }

    @Test
    void aRunThatGoesBackToOneStateAgainAndAgainPausesAndIsThenCountedAfresh() {
        Map<String, Double> far = Map.of("objective/kl", 9.0);
        TrainingState state = BEFORE;
        List<Boolean> pauses = new ArrayList<>();
        for (int iteration = 0; iteration < 6; iteration++) {
            Diagnosis diagnosis = diagnose(Action.ROLLBACK, state, far);
            assertThat(diagnosis.action()).isEqualTo(Action.ROLLBACK);
            pauses.add(diagnosis.pauses());
            state = state.showing(diagnosis.vitals());
            state = state.showing(diagnose(Action.ROLLBACK, state, Map.of()).vitals()); // one that is sound
        }

        assertThat(pauses).containsExactly(false, false, true, false, false, true);
        Diagnosis third = diagnose(Action.ROLLBACK, state, far);
        assertThat(third.warnings()).doesNotContainKey(Check.ROLLBACKS.metric());
    }

    @Test
    void rollbacksToABetterStateAreCountedAfreshAndWithoutALimitNonePauses() {
        Map<String, Double> far = Map.of("objective/kl", 9.0);
        TrainingState twice = BEFORE.showing(Optional.of(
                new Vitals(Optional.of(20.0), Optional.of(30.0), List.of(), Optional.of(new Rollbacks(2, 2)))));
        TrainingState better = twice.after(new Evaluation(6, new ArtifactRef("", 0, ""), 0.9, Map.of(), 0));

        Diagnosis tooMany = diagnose(Action.ROLLBACK, twice, far);
        assertThat(tooMany.pauses()).isTrue();
        assertThat(Health.words(
                        Optional.of(bounds(Action.ROLLBACK)),
                        Check.ROLLBACKS,
                        row(Map.of()).with(tooMany.warnings())))
                .startsWith(
                        "the run went back to one state 3 times without getting better, health.rollbacks allows 2; ");
        assertThat(diagnose(Action.ROLLBACK, better, far).pauses()).isFalse();
        assertThat(diagnose(Action.WARN, twice, far).pauses()).isFalse();
    }

    private static Diagnosis diagnose(Action action, TrainingState before, Map<String, Double> instead) {
        return Health.diagnose(Optional.of(bounds(action)), before, row(instead));
    }

    private static IterationMetrics row(Map<String, Double> instead) {
        Map<String, Double> row = new LinkedHashMap<>(SOUND);
        row.putAll(instead);
        return new IterationMetrics(5, row);
    }

    private static HealthSpec bounds(Action action) {
        return new HealthSpec(
                action,
                Optional.of(5.0),
                Optional.of(0.1),
                Optional.of(0.5),
                Optional.of(0.5),
                Optional.of(0.1),
                Optional.of(2.0),
                Optional.of(0.5),
                Optional.of(3.0),
                Optional.of(8.0),
                Optional.of(2));
    }
}
