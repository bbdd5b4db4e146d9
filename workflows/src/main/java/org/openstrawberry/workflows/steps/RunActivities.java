package org.openstrawberry.workflows.steps;

import io.temporal.activity.ActivityInterface;
import java.util.Map;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.RunResult;
import org.openstrawberry.workflows.TrainingState;

/** The run's own log: where it stands, and what it measured. */
@ActivityInterface
public interface RunActivities {
    /**
     * Where the run stands by its directory: after the newest iteration whose row is recorded, or at the start. A
     * directory that nobody has prepared is checked and prepared.
     *
     * @param spec the settings that the run is started with, which must be those of the directory
     */
    TrainingState open(RunRef run, RunSpec spec);

    /** Stores that settings change from this iteration on, before any of its steps. */
    void adjust(RunRef run, int iteration, Map<String, Object> changes);

    /** Appends the row of an iteration to {@code metrics.jsonl}, once, and stores the state after it. */
    void record(RunRef run, IterationMetrics metrics, TrainingState state);

    /** Stores how the run ended in {@code result.json}. */
    void finish(RunRef run, RunResult result);
}
