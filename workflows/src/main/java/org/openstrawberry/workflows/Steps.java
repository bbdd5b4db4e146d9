package org.openstrawberry.workflows;

import io.temporal.activity.ActivityOptions;
import io.temporal.activity.LocalActivityOptions;
import io.temporal.common.RetryOptions;
import io.temporal.workflow.Workflow;
import java.time.Duration;
import org.openstrawberry.workflows.steps.EvaluationActivities;
import org.openstrawberry.workflows.steps.PromptActivities;
import org.openstrawberry.workflows.steps.RankingActivities;
import org.openstrawberry.workflows.steps.RewardActivities;
import org.openstrawberry.workflows.steps.RunActivities;
import org.openstrawberry.workflows.steps.SweepActivities;
import org.openstrawberry.workflows.steps.TaskQueues;
import org.openstrawberry.workflows.steps.ThoughtActivities;
import org.openstrawberry.workflows.steps.TrainerActivities;

/**
 * The activities as a workflow calls them, with all time-outs and retries in one place. Steps of milliseconds run as
 * local activities beside the workflow; the others on the task queue of their role.
 */
final class Steps {
    /** A failed step is tried again after 1 s, 2 s, 4 s, 8 s; errors of the input or of the program are not. */
    private static final RetryOptions RETRY = RetryOptions.newBuilder()
            .setInitialInterval(Duration.ofSeconds(1))
            .setBackoffCoefficient(2)
            .setMaximumInterval(Duration.ofMinutes(1))
            .setMaximumAttempts(5)
            .build();

    /**
     * How long a worker may be silent before its step is given away. Short, since giving a step away costs nothing that
     * is finished: its artifact stands, and whoever is asked next finds it. So neither a dead worker nor a server that was
     * down for longer than this loses work.
     */
    private static final Duration HEARTBEAT = Duration.ofSeconds(10);

    private static final Duration LONGEST_STEP = Duration.ofHours(24);
    private static final Duration LONGEST_SMALL_STEP = Duration.ofMinutes(10);

    private Steps() {}

    static PromptActivities prompts() {
        return Workflow.newLocalActivityStub(PromptActivities.class, small());
    }

    static ThoughtActivities thoughts(String summary) {
        return Workflow.newActivityStub(ThoughtActivities.class, on(TaskQueues.THOUGHTS, summary));
    }

    static RewardActivities rewards(String summary) {
        return Workflow.newActivityStub(RewardActivities.class, on(TaskQueues.REWARDS, summary));
    }

    static RankingActivities ranking() {
        return Workflow.newLocalActivityStub(RankingActivities.class, small());
    }

    static TrainerActivities trainer(String summary) {
        return Workflow.newActivityStub(TrainerActivities.class, on(TaskQueues.TRAINER, summary));
    }

    static EvaluationActivities evaluation(String summary) {
        return Workflow.newActivityStub(EvaluationActivities.class, on(TaskQueues.TRAINER, summary));
    }

    static RunActivities log() {
        return Workflow.newLocalActivityStub(RunActivities.class, small());
    }

    static SweepActivities sweep() {
        return Workflow.newLocalActivityStub(SweepActivities.class, small());
    }

    private static ActivityOptions on(String queue, String summary) {
        return ActivityOptions.newBuilder()
                .setTaskQueue(queue)
                .setSummary(summary)
                .setStartToCloseTimeout(LONGEST_STEP)
                .setHeartbeatTimeout(HEARTBEAT)
                .setRetryOptions(RETRY)
                .build();
    }

    private static LocalActivityOptions small() {
        return LocalActivityOptions.newBuilder()
                .setStartToCloseTimeout(LONGEST_SMALL_STEP)
                .setRetryOptions(RETRY)
                .build();
    }
}
