package org.openstrawberry.workflows.steps;

import io.temporal.activity.ActivityInterface;
import org.openstrawberry.config.Measure;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.SweepResults;
import org.openstrawberry.workflows.TrialStanding;

/** What a sweep reads and writes beside its trials' own steps. */
@ActivityInterface
public interface SweepActivities {
    /** @param iterations that the trial is to train to */
    record StandingRequest(String directory, RunSpec spec, int iterations, Measure measure) {}

    /** Where a trial stands by its run directory, which need not be there. */
    TrialStanding standing(StandingRequest request);

    /** Stores the table in {@code sweep.json}. */
    void recordResults(String directory, SweepResults results);
}
