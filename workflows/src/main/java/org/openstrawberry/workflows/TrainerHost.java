package org.openstrawberry.workflows;

import io.temporal.api.enums.v1.TimeoutType;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.TimeoutFailure;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import org.openstrawberry.config.EvaluationSpec;
import org.openstrawberry.workflows.steps.Attempts;
import org.openstrawberry.workflows.steps.Evaluation;
import org.openstrawberry.workflows.steps.HostActivities;
import org.openstrawberry.workflows.steps.RewardTrainingActivities;
import org.openstrawberry.workflows.steps.RunRef;
import org.openstrawberry.workflows.steps.TrainerActivities;

/**
 * The process that holds the run's policy in memory. Its steps go to that process's own task queue under a lease. A step
 * that falls silent may mean that the process is dead, or that the server was down; so the process is asked before its
 * lease goes to another, which would have to rebuild the policy first. A process that is told to end says so by itself.
 */
final class TrainerHost {
    private static final Set<TimeoutType> SILENCE =
            Set.of(TimeoutType.TIMEOUT_TYPE_HEARTBEAT, TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START);

    private final RunRef run;
    private Optional<String> queue;

    /** @param queue the lease of an earlier execution, if there is one */
    TrainerHost(RunRef run, Optional<String> queue) {
        this.run = run;
        this.queue = queue;
    }

    /** The task queue of the process that has the lease. */
    Optional<String> queue() {
        return queue;
    }

    void run(String summary, Consumer<TrainerActivities> step) {
        call(summary, trainer -> {
            step.accept(trainer);
            return true;
        });
    }

    <T> T call(String summary, Function<TrainerActivities, T> step) {
        return leased(host -> step.apply(Steps.trainer(host, summary)));
    }

    /** A step of a reward model's training. */
    <T> T train(String summary, Function<RewardTrainingActivities, T> step) {
        return leased(host -> step.apply(Steps.rewardTrainer(host, summary)));
    }

    /** Evaluates where the policy is. */
    Evaluation evaluate(String summary, int iteration, EvaluationSpec evaluation) {
        return leased(host -> Steps.evaluation(host, summary).evaluate(run, iteration, evaluation));
    }

    private <T> T leased(Function<String, T> step) {
        for (int silences = 1; true; silences++) {
            String host = queue.orElseGet(this::lease);
            try {
                return step.apply(host);
            } catch (ActivityFailure e) {
                boolean ending = isEnding(e);
                if (!(ending || isSilence(e)) || silences == Attempts.OF_SILENCE) {
                    throw e;
                }
                if (ending || !answers(host)) {
                    queue = Optional.empty();
                }
            }
        }
    }

    private String lease() {
        String host = Steps.leases().lease(run);
        queue = Optional.of(host);
        return host;
    }

    private static boolean answers(String host) {
        try {
            Steps.pings(host).ping();
            return true;
        } catch (ActivityFailure e) {
            // A frozen process may have taken the question up, and never says anything either.
            if (e.getCause() instanceof TimeoutFailure) {
                return false;
            }
            throw e;
        }
    }

    private static boolean isEnding(ActivityFailure failure) {
        return failure.getCause() instanceof ApplicationFailure refusal
                && refusal.getType().equals(HostActivities.ENDING);
    }

    private static boolean isSilence(ActivityFailure failure) {
        return failure.getCause() instanceof TimeoutFailure timeout && SILENCE.contains(timeout.getTimeoutType());
    }
}
