package org.openstrawberry.config;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Map;
import java.util.Optional;

/**
 * The keys of a sweep file as they are written.
 *
 * @param run the run file, relative to the sweep file; without it the shipped run
 * @param set settings of every trial
 * @param seed of the random search
 * @param over what is swept
 * @param samples trials of a random search; without it the full grid
 */
@JsonNaming(KebabCaseStrategy.class)
record SweepKeys(
        String name,
        Optional<String> run,
        Map<String, Object> set,
        long seed,
        Map<String, Object> over,
        Optional<Integer> samples,
        int atATime,
        Measure measure,
        Optional<HalvingSpec> halving) {
    /** The server keeps all settings of all trials as one message of two megabytes at most, and a sweep's history in one piece. */
    static final int MOST_TRIALS = 500;

    private static final int MOST_AT_A_TIME = 100;

    SweepKeys {
        Check.name(name);
        Check.that(!over.isEmpty(), "over", "at least one key with its values", over);
        samples.ifPresent(
                count -> Check.that(count >= 1 && count <= MOST_TRIALS, "samples", "from 1 to " + MOST_TRIALS, count));
        Check.that(atATime >= 1 && atATime <= MOST_AT_A_TIME, "at-a-time", "from 1 to " + MOST_AT_A_TIME, atATime);
    }
}
