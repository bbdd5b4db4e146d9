package org.openstrawberry.workflows;

import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.config.Measure;

/**
 * Where a sweep's trials stand: the answer of the query {@code results}, and the content of {@code sweep.json}.
 *
 * @param sweep the sweep's name
 * @param measure what ranks the trials
 * @param trials the best first: those that trained to their end, then the others by their state
 */
public record SweepResults(String sweep, Measure measure, List<TrialResult> trials) {
    /** What has become of a trial. Written in lower case; the order is that of the table. */
    public enum State {
        /** Trained to its end, or to its rung's. */
        DONE,
        /** Training. */
        RUNNING,
        /** Not begun, or waiting for its next rung. */
        WAITING,
        /** Stopped before its end. */
        STOPPED,
        /** Halving left it behind. */
        PRUNED,
        /** Ended with an error. */
        FAILED;

        /** As it stands in JSON. */
        @JsonValue
        public String written() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * One trial.
     *
     * @param trial its number, such as {@code 03}
     * @param run its run's id, and workflow's
     * @param settings the swept keys with this trial's values
     * @param iterations done when it was last looked at: before and after each rung
     * @param value of the measure then; empty where nothing is measured
     * @param reason why it failed or stopped
     * @param directory its run directory
     */
    public record TrialResult(
            String trial,
            String run,
            Map<String, JsonNode> settings,
            State state,
            int iterations,
            Optional<Double> value,
            Optional<String> reason,
            String directory) {
        TrialResult in(State now) {
            return new TrialResult(trial, run, settings, now, iterations, value, reason, directory);
        }

        TrialResult in(State now, TrialStanding standing, Optional<String> why) {
            return new TrialResult(trial, run, settings, now, standing.iterations(), standing.value(), why, directory);
        }
    }

    static SweepResults of(String sweep, Measure measure, Collection<TrialResult> trials) {
        return new SweepResults(
                sweep, measure, trials.stream().sorted(bestFirst(measure)).toList());
    }

    /** Equal ones keep their order. */
    private static Comparator<TrialResult> bestFirst(Measure measure) {
        return Comparator.comparing(TrialResult::state).thenComparing(TrialResult::value, measure.bestFirst());
    }
}
