package org.openstrawberry.config;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.time.Duration;
import java.util.Optional;

/**
 * When a run ends: at the first of these that is reached.
 *
 * @param iterations most iterations
 * @param lossBelow the smoothed loss is below this
 * @param heldOutAtLeast the held-out result is at least this: the mean score of the judge of {@code evaluation.reward}; without
 *     one accuracy, or the mean reward where rewards are not 0 and 1
 * @param plateau this many evaluations in a row brought no new best
 * @param klAbove the step's estimate of the divergence from the reference, {@code objective/kl}, is above this
 * @param wallTime time that the run has taken, such as {@code 90m}, {@code 12h} or {@code 2d}; a run stopped so does not
 *     end with the same weights every time
 */
@JsonNaming(KebabCaseStrategy.class)
public record UntilSpec(
        int iterations,
        Optional<Double> lossBelow,
        Optional<Double> heldOutAtLeast,
        Optional<Integer> plateau,
        Optional<Double> klAbove,
        Optional<String> wallTime) {

    /** Checks every range. */
    public UntilSpec {
        Check.atLeast(1, "iterations", iterations);
        lossBelow.ifPresent(bound -> Check.positive("loss-below", bound));
        heldOutAtLeast.ifPresent(bound -> Check.that(Double.isFinite(bound), "held-out-at-least", "finite", bound));
        plateau.ifPresent(evaluations -> Check.atLeast(1, "plateau", evaluations));
        klAbove.ifPresent(bound -> Check.positive("kl-above", bound));
        wallTime.ifPresent(UntilSpec::duration);
    }

    /** {@link #wallTime} as a duration. */
    public Optional<Duration> wallTimeLimit() {
        return wallTime.map(UntilSpec::duration);
    }

    private static Duration duration(String text) {
        Optional<Duration> duration = Durations.parse(text);
        Check.that(duration.isPresent(), "wall-time", Durations.EXPECTED, text);
        return duration.orElseThrow();
    }
}
