package org.openstrawberry.workflows;

import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import org.openstrawberry.workflows.steps.RewardTrainingActivities.Exported;

/** The training of a reward model. Its workflow id is the training's id. */
@WorkflowInterface
public interface RewardTrainingWorkflow {
    /**
     * Trains from where the run directory stands to the last step, or until it is told to stop.
     *
     * @param runDirectory absolute path; prepared by whoever starts the training
     */
    @WorkflowMethod
    Exported train(String runDirectory);

    /** Pauses after the checkpoint that is under way. */
    @SignalMethod
    void pause();

    /** Goes on after a pause. */
    @SignalMethod
    void resume();

    /** Ends after the checkpoint that is under way, with the model as it is then. */
    @SignalMethod
    void stop();

    /** The question that runs answer too, so that the same commands steer both. Its iterations are steps. */
    @QueryMethod
    Progress progress();
}
