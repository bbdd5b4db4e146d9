package org.openstrawberry.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A sweep with everything drawn and checked: which runs to train, how many at a time, and what ranks them. Read from a
 * sweep file by {@link SweepFile}.
 *
 * @param name names the sweep's directory and workflow
 * @param trials in the order in which they begin
 * @param atATime most trials under way at once
 * @param measure what ranks the trials
 * @param halving empty: every trial trains to its end
 */
public record SweepSpec(String name, List<Trial> trials, int atATime, Measure measure, Optional<HalvingSpec> halving) {
    /** Keeps its own copy. */
    public SweepSpec {
        trials = List.copyOf(trials);
    }

    /**
     * One run of a sweep.
     *
     * @param id its number, from {@code 00} on
     * @param settings the swept keys, dotted, with this trial's values
     * @param run every setting of the run
     */
    public record Trial(String id, Map<String, JsonNode> settings, RunSpec run) {}

    /** The iterations that each rung trains to, ascending; one rung without halving. A trial's own rules may end it before. */
    public List<Integer> rungs() {
        int end = trials.stream()
                .mapToInt(trial -> trial.run().until().iterations())
                .max()
                .orElse(1);
        return halving.map(spec -> spec.rungs(end)).orElse(List.of(end));
    }
}
