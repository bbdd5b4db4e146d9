package org.openstrawberry.workflows.client;

import io.temporal.api.enums.v1.WorkflowExecutionStatus;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowExecutionDescription;
import io.temporal.client.WorkflowFailedException;
import io.temporal.client.WorkflowStub;
import java.time.Duration;
import java.util.Optional;
import org.openstrawberry.workflows.Failures;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** What a workflow comes to in the end, through all executions that it goes on as. */
public final class Outcome {
    private static final Logger log = LoggerFactory.getLogger(Outcome.class);
    private static final Duration LOOK = Duration.ofSeconds(2);

    private Outcome() {}

    /**
     * Waits for the result; a {@link RunFailedException} where the workflow failed.
     *
     * <p>A client follows histories, each of which names the next execution. The test server (1.38), which runs have in their
     * process, goes on with the next one but never writes its name where an activity's heartbeat comes while the last
     * execution's last task is worked on. So the newest execution is looked at as well, now and then.
     */
    static <T> Mono<T> of(WorkflowClient client, String id, Class<T> type) {
        WorkflowStub followed = client.newUntypedWorkflowStub(id);
        Mono<T> found = Flux.interval(LOOK)
                .onBackpressureDrop()
                .concatMap(tick -> described(followed), 1)
                .filter(newest -> hasEnded(newest.getStatus()))
                .next()
                .flatMap(newest -> result(
                        client.newUntypedWorkflowStub(newest.getExecution(), Optional.of(newest.getWorkflowType())),
                        type));
        return Mono.firstWithSignal(result(followed, type), found);
    }

    private static <T> Mono<T> result(WorkflowStub execution, Class<T> type) {
        return Mono.fromFuture(() -> execution.getResultAsync(type))
                .onErrorMap(WorkflowFailedException.class, e -> new RunFailedException(Failures.reason(e), e));
    }

    private static Mono<WorkflowExecutionDescription> described(WorkflowStub workflow) {
        return Mono.fromCallable(workflow::describe)
                .subscribeOn(Schedulers.boundedElastic())
                .doOnError(e -> log.debug("the newest execution can't be looked at now", e))
                .onErrorResume(e -> Mono.empty());
    }

    /** Whether an execution of that status does nothing more, and none goes on for it. */
    public static boolean hasEnded(WorkflowExecutionStatus status) {
        return switch (status) {
            case WORKFLOW_EXECUTION_STATUS_COMPLETED,
                    WORKFLOW_EXECUTION_STATUS_FAILED,
                    WORKFLOW_EXECUTION_STATUS_CANCELED,
                    WORKFLOW_EXECUTION_STATUS_TERMINATED,
                    WORKFLOW_EXECUTION_STATUS_TIMED_OUT -> true;
            default -> false;
        };
    }
}
