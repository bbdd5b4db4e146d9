package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;

/**
 * From where on an iteration counts as unhealthy, and what is done then. Each bound may be absent, which switches its check
 * off. A gradient that is not finite needs no bound: its step is refused and the run pauses, or does what
 * {@code onUnhealthy} says beyond a warning.
 *
 * @param onUnhealthy what follows a warning
 * @param klAbove nats: the step's estimate of the divergence from the reference, {@code objective/kl}
 * @param entropyBelow share of the entropy of the first step, {@code objective/entropy}
 * @param distinctBelow mean share of a prompt's thoughts that are different texts, {@code thoughts/distinct}
 * @param truncatedAbove share of thoughts that were cut off
 * @param rewardSpreadBelow standard deviation of the iteration's rewards, {@code objective/scores_std}
 * @param lengthAbove times the mean length of the first iteration's thoughts
 * @param lengthBelow share of that length
 * @param lossSpike times the smoothed loss
 * @param chosenFall nats by which the preferred completions' log-probs have fallen under the reference's
 * @param rollbacks most times that a run goes back to one state before it pauses
 */
@JsonNaming(KebabCaseStrategy.class)
public record HealthSpec(
        Action onUnhealthy,
        Optional<Double> klAbove,
        Optional<Double> entropyBelow,
        Optional<Double> distinctBelow,
        Optional<Double> truncatedAbove,
        Optional<Double> rewardSpreadBelow,
        Optional<Double> lengthAbove,
        Optional<Double> lengthBelow,
        Optional<Double> lossSpike,
        Optional<Double> chosenFall,
        Optional<Integer> rollbacks) {

    /** What follows a warning. */
    public enum Action {
        /** Nothing more. */
        @JsonProperty("warn")
        WARN,
        /** The run pauses after the iteration, behind a checkpoint, where the warning is a new one. */
        @JsonProperty("pause")
        PAUSE,
        /** The next iteration starts from the best state by evaluation. */
        @JsonProperty("rollback")
        ROLLBACK,
        /** The run ends after the iteration. */
        @JsonProperty("stop")
        STOP
    }

    /** Checks every range. */
    public HealthSpec {
        klAbove.ifPresent(bound -> Check.positive("kl-above", bound));
        entropyBelow.ifPresent(bound -> share("entropy-below", bound));
        distinctBelow.ifPresent(bound -> share("distinct-below", bound));
        truncatedAbove.ifPresent(
                bound -> Check.that(bound >= 0 && bound < 1, "truncated-above", "at least 0 and below 1", bound));
        rewardSpreadBelow.ifPresent(bound -> Check.positive("reward-spread-below", bound));
        lengthAbove.ifPresent(bound -> more("length-above", bound));
        lengthBelow.ifPresent(bound -> share("length-below", bound));
        lossSpike.ifPresent(bound -> more("loss-spike", bound));
        chosenFall.ifPresent(bound -> Check.positive("chosen-fall", bound));
        rollbacks.ifPresent(most -> Check.atLeast(1, "rollbacks", most));
    }

    private static void share(String key, double bound) {
        Check.that(bound > 0 && bound <= 1, key, "above 0 and at most 1", bound);
    }

    private static void more(String key, double bound) {
        Check.that(bound > 1 && Double.isFinite(bound), key, "above 1", bound);
    }
}
