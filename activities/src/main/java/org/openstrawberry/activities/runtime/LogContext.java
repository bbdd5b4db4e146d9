package org.openstrawberry.activities.runtime;

import java.util.Map;
import java.util.Optional;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.steps.PromptActivities.PromptRequest;
import org.openstrawberry.workflows.steps.RankingActivities.RankingRequest;
import org.openstrawberry.workflows.steps.RewardActivities.ScoreRequest;
import org.openstrawberry.workflows.steps.ThoughtActivities.ThoughtRequest;
import org.openstrawberry.workflows.steps.TrainerActivities.StepRequest;
import org.slf4j.MDC;

/**
 * What a log line belongs to, as SLF4J's MDC: {@code run}, {@code phase} and, where the step has one, {@code iteration}; and
 * the {@code trace} where there is one, which {@link StepSpan} adds.
 */
final class LogContext implements AutoCloseable {
    private static final String WARM_UP = "warmup";
    private static final String REWARD_TRAINING = "rewardmodel";

    private LogContext() {}

    /** Holds for this thread until closed. */
    static LogContext of(String run, String phase, Object[] arguments) {
        MDC.put("run", run);
        MDC.put("phase", phase);
        iteration(phase, arguments).ifPresent(iteration -> MDC.put("iteration", Integer.toString(iteration)));
        return new LogContext();
    }

    /** Takes over what holds for another thread. */
    static LogContext of(Map<String, String> other) {
        MDC.setContextMap(other);
        return new LogContext();
    }

    /** The iteration that a step belongs to, by its arguments; what is trained before or without any has none. */
    static Optional<Integer> iteration(String phase, Object[] arguments) {
        boolean outside = phase.equals(WARM_UP) || phase.startsWith(REWARD_TRAINING);
        for (Object argument : arguments) {
            if (argument instanceof Integer number && !outside) {
                return Optional.of(number);
            }
            if (argument instanceof PromptRequest request) {
                return Optional.of(request.iteration());
            }
            if (argument instanceof ThoughtRequest request) {
                return Optional.of(request.prompts().iteration());
            }
            if (argument instanceof ScoreRequest request) {
                return Optional.of(request.prompts().iteration());
            }
            if (argument instanceof RankingRequest request) {
                return Optional.of(request.prompts().iteration());
            }
            if (argument instanceof StepRequest request) {
                return Optional.of(request.pairs().iteration());
            }
            if (argument instanceof IterationMetrics row) {
                return Optional.of(row.iteration());
            }
        }
        return Optional.empty();
    }

    @Override
    public void close() {
        MDC.clear();
    }
}
