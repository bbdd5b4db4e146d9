package org.openstrawberry.workflows.client;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.temporal.client.WorkflowServiceException;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/** How workflows are started on a server that may be new. */
final class Starts {
    private static final Logger log = LoggerFactory.getLogger(Starts.class);

    /** How often a server reads anew which search attributes there are, and some more. */
    private static final Duration PATIENCE = Duration.ofSeconds(75);

    private static final Duration PAUSE = Duration.ofSeconds(1);

    private Starts() {}

    /** Starts it; a server that lists our search attributes, but doesn't let them be used yet, is asked again. */
    static void start(Runnable start) {
        Mono.fromRunnable(start)
                .retryWhen(Retry.fixedDelay(PATIENCE.dividedBy(PAUSE), PAUSE)
                        .filter(Starts::knowsNoAttribute)
                        .doBeforeRetry(
                                signal -> log.info("the server's search attributes are new; the start is tried again"))
                        .onRetryExhaustedThrow((spec, signal) -> signal.failure()))
                .block();
    }

    private static boolean knowsNoAttribute(Throwable e) {
        return e instanceof WorkflowServiceException
                && e.getCause() instanceof StatusRuntimeException refusal
                && refusal.getStatus().getCode() == Status.Code.INVALID_ARGUMENT
                && Optional.ofNullable(refusal.getStatus().getDescription())
                        .filter(reason -> reason.contains("no mapping defined for search attribute"))
                        .isPresent();
    }
}
