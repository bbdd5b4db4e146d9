package org.openstrawberry.workflows;

import java.util.List;
import java.util.Optional;
import org.openstrawberry.config.RunSpec;

/**
 * What a training workflow starts from.
 *
 * @param spec the run's settings, every default filled in
 * @param runDirectory absolute path; {@link #RUN_ID} in it stands for the run's id
 * @param upTo the iteration that ends this execution, where its settings' rules don't end it before; a later execution goes on
 *     from there, and ends as one that was never parted
 * @param carried what a longer run hands over when it continues as new; empty at a start, and then the run directory
 *     says where the run stands
 */
public record TrainingInput(RunSpec spec, String runDirectory, Optional<Integer> upTo, Optional<Carried> carried) {
    /** In the run directory of a schedule's runs, each of which has an id and so a directory of its own. */
    public static final String RUN_ID = "{id}";

    /** A run's start, or its resumption from its directory. */
    public static TrainingInput start(RunSpec spec, String runDirectory) {
        return new TrainingInput(spec, runDirectory, Optional.empty(), Optional.empty());
    }

    /** The same, ending after that iteration. */
    public TrainingInput upTo(int iteration) {
        return new TrainingInput(spec, runDirectory, Optional.of(iteration), carried);
    }

    /** The run directory of the run of that id. */
    public String directoryOf(String id) {
        return runDirectory.replace(RUN_ID, id);
    }

    /**
     * @param recent the newest rows, oldest first
     * @param trainer the task queue of the process that holds the policy
     */
    public record Carried(
            TrainingState state, List<IterationMetrics> recent, boolean paused, Optional<String> trainer) {}
}
