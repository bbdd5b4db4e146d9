package org.openstrawberry.workflows;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;
import java.util.Optional;

/**
 * What a run is doing, for those who watch it: the answer of the query {@code progress}.
 *
 * @param phase the step under way, such as {@code generate}
 * @param warmUpStep supervised steps taken
 * @param warmUpSteps supervised steps in all; 0 without a warm-up
 * @param iteration the last finished iteration
 * @param iterations at most so many
 * @param last the newest row of metrics
 * @param accuracy the last held-out result
 * @param secondsLeft estimate by the pace of the last iterations; empty until there is one
 * @param reason why the run stopped or failed; empty while it goes on
 */
public record Progress(
        State state,
        String phase,
        int warmUpStep,
        int warmUpSteps,
        int iteration,
        int iterations,
        Optional<IterationMetrics> last,
        Optional<Double> accuracy,
        Optional<Double> secondsLeft,
        Optional<String> reason) {

    /** What a run is about. Written in lower case. */
    public enum State {
        /** Iterating. */
        RUNNING,
        /** Finishing the iteration, then pausing. */
        PAUSING,
        /** Waiting for {@code resume}, with a checkpoint behind it. */
        PAUSED,
        /** Finishing the iteration, then ending with a policy. */
        STOPPING,
        /** Ended with a policy. */
        DONE,
        /** Ended with an error. */
        FAILED;

        /** Whether the run goes on no more. */
        public boolean isOver() {
            return this == DONE || this == FAILED;
        }

        /** As it stands in JSON. */
        @JsonValue
        public String written() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
