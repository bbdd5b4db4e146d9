package org.openstrawberry.workflows;

import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;

/** A search over settings: many runs as child workflows. Its workflow id is the sweep's id; trial 03 is the run ID-03. */
@WorkflowInterface
public interface SweepWorkflow {
    /** Trains the trials and ranks them. Fails only where every trial failed. */
    @WorkflowMethod
    SweepResults sweep(SweepInput input);

    /** Pauses the trials under way, each after its iteration, and starts no more. */
    @SignalMethod
    void pause();

    /** Goes on after a pause. */
    @SignalMethod
    void resume();

    /** Stops the trials under way, each after its iteration and with a policy, and starts no more. */
    @SignalMethod
    void stop();

    /**
     * The question that runs answer too, so that the same commands steer both. A sweep counts trials as iterations, and its
     * accuracy is the best value so far.
     */
    @QueryMethod
    Progress progress();

    /** Where the trials stand, the best first. */
    @QueryMethod
    SweepResults results();
}
