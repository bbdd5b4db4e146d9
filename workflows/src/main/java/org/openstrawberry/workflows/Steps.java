package org.openstrawberry.workflows;

import io.temporal.activity.ActivityOptions;
import io.temporal.activity.LocalActivityOptions;
import io.temporal.common.RetryOptions;
import io.temporal.workflow.Workflow;
import java.time.Duration;
import org.openstrawberry.workflows.steps.Attempts;
import org.openstrawberry.workflows.steps.EvaluationActivities;
import org.openstrawberry.workflows.steps.HostActivities;
import org.openstrawberry.workflows.steps.PromptActivities;
import org.openstrawberry.workflows.steps.RankingActivities;
import org.openstrawberry.workflows.steps.RewardActivities;
import org.openstrawberry.workflows.steps.RewardTrainingActivities;
import org.openstrawberry.workflows.steps.RunActivities;
import org.openstrawberry.workflows.steps.SweepActivities;
import org.openstrawberry.workflows.steps.TaskQueues;
import org.openstrawberry.workflows.steps.ThoughtActivities;
import org.openstrawberry.workflows.steps.TrainerActivities;

/**
 * The activities as a workflow calls them, with all time-outs and retries in one place. Steps of milliseconds run as
 * local activities beside the workflow; the others on the task queue of their role, and what needs the policy that is in
 * training on the own queue of the process that holds it.
 */
final class Steps {
    /**
     * How long a process may be silent before its step is given away. Short, since giving a step away costs nothing that
     * is finished: its artifact stands, and whoever is asked next finds it. So neither a dead worker nor a server that was
     * down for longer than this loses work.
     */
    private static final Duration SILENCE = Duration.ofSeconds(10);

    /** How long a step may wait on a process's own queue: nothing else keeps a living process from taking it. */
    private static final Duration TAKEN_UP = Duration.ofSeconds(5);

    /** How long the trainer's process has to answer before its lease goes to another: 14 s after it died at most. */
    private static final Duration ANSWER = Duration.ofSeconds(4);

    /**
     * The type by which Temporal's server knows a heartbeat's time-out: on a process's own queue a step isn't tried again,
     * it would wait there for a process that is dead.
     */
    private static final String HEARTBEAT_TIMEOUT = "TemporalTimeout:Heartbeat";

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

    static HostActivities leases() {
        return Workflow.newActivityStub(HostActivities.class, on(TaskQueues.TRAINER, "lease of a trainer"));
    }

    static HostActivities pings(String host) {
        return Workflow.newActivityStub(
                HostActivities.class,
                ActivityOptions.newBuilder()
                        .setTaskQueue(host)
                        .setSummary("is the trainer alive?")
                        .setScheduleToStartTimeout(ANSWER)
                        .setStartToCloseTimeout(ANSWER)
                        .setRetryOptions(
                                RetryOptions.newBuilder().setMaximumAttempts(1).build())
                        .build());
    }

    static TrainerActivities trainer(String host, String summary) {
        return Workflow.newActivityStub(TrainerActivities.class, onHost(host, summary));
    }

    static RewardTrainingActivities rewardTrainer(String host, String summary) {
        return Workflow.newActivityStub(RewardTrainingActivities.class, onHost(host, summary));
    }

    static EvaluationActivities evaluation(String host, String summary) {
        return Workflow.newActivityStub(EvaluationActivities.class, onHost(host, summary));
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
                .setHeartbeatTimeout(SILENCE)
                .setRetryOptions(
                        retries().setMaximumAttempts(Attempts.OF_SILENCE).build())
                .build();
    }

    private static ActivityOptions onHost(String host, String summary) {
        return ActivityOptions.newBuilder(on(host, summary))
                .setScheduleToStartTimeout(TAKEN_UP)
                .setRetryOptions(retries()
                        .setMaximumAttempts(Attempts.OF_SILENCE)
                        .setDoNotRetry(HEARTBEAT_TIMEOUT)
                        .build())
                .build();
    }

    private static LocalActivityOptions small() {
        return LocalActivityOptions.newBuilder()
                .setStartToCloseTimeout(LONGEST_SMALL_STEP)
                .setRetryOptions(
                        retries().setMaximumAttempts(Attempts.OF_ERRORS).build())
                .build();
    }

    /** After 1 s, 2 s, 4 s, … at most a minute. Errors of the input or of the program are not tried again. */
    private static RetryOptions.Builder retries() {
        return RetryOptions.newBuilder()
                .setInitialInterval(Duration.ofSeconds(1))
                .setBackoffCoefficient(2)
                .setMaximumInterval(Duration.ofMinutes(1));
    }
}
