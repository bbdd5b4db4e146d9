package org.openstrawberry.workflows;

import io.temporal.api.enums.v1.ParentClosePolicy;
import io.temporal.common.SearchAttributes;
import io.temporal.workflow.ChildWorkflowOptions;
import io.temporal.workflow.Workflow;
import org.openstrawberry.config.SweepSpec.Trial;
import org.openstrawberry.workflows.steps.TaskQueues;

/** Trials as child workflows: ordinary runs, listed, watched and steered as any other. */
final class TrialRuns {
    private TrialRuns() {}

    /**
     * A trial that has not started yet. A sweep that is terminated takes its trials with it: nobody would rank them, and
     * the same sweep started again goes on from their directories.
     */
    static TrainingWorkflow child(String id, Trial trial, String directory) {
        return Workflow.newChildWorkflowStub(
                TrainingWorkflow.class,
                ChildWorkflowOptions.newBuilder()
                        .setWorkflowId(id)
                        .setTaskQueue(TaskQueues.RUNS)
                        .setParentClosePolicy(ParentClosePolicy.PARENT_CLOSE_POLICY_TERMINATE)
                        .setStaticSummary("trial " + trial.id() + ": " + trial.settings())
                        .setStaticDetails("Run directory: `" + directory + "`")
                        .setMemo(RunAttributes.memo(directory))
                        .setTypedSearchAttributes(SearchAttributes.newBuilder()
                                .set(RunAttributes.TASK, trial.run().name())
                                .build())
                        .build());
    }
}
