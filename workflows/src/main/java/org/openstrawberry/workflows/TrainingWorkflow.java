package org.openstrawberry.workflows;

import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.UpdateMethod;
import io.temporal.workflow.UpdateValidatorMethod;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.util.List;
import java.util.Map;
import org.openstrawberry.config.RunSpec;

/** One run of online DPO, from a base policy to a better one. Its workflow id is the run's id. */
@WorkflowInterface
public interface TrainingWorkflow {
    /** Trains until one of the run's stopping rules holds. */
    @WorkflowMethod
    RunResult train(TrainingInput input);

    /** Finishes the iteration under way, checkpoints and waits for {@link #resume}. */
    @SignalMethod
    void pause();

    /** Goes on after a pause. */
    @SignalMethod
    void resume();

    /** Finishes the iteration under way, checkpoints, exports the policy and ends. */
    @SignalMethod
    void stop();

    /**
     * Changes settings from the next iteration on.
     *
     * @param changes dotted key to value, such as {@code {"dpo.beta": 0.2}}; refused as a whole, with the reason, where
     *     one of them can't be
     * @return the settings that the run goes by from then on
     */
    @UpdateMethod
    RunSpec adjust(Map<String, Object> changes);

    /** Refuses changes that can't be. */
    @UpdateValidatorMethod(updateName = "adjust")
    void validateAdjust(Map<String, Object> changes);

    /** What the run is doing now. */
    @QueryMethod
    Progress progress();

    /**
     * The newest rows of metrics, oldest first.
     *
     * @param after only rows of later iterations; −1 for all that are kept
     */
    @QueryMethod
    List<IterationMetrics> history(int after);

    /** The settings that the run goes by. */
    @QueryMethod
    RunSpec spec();
}
