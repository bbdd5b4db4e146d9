package org.openstrawberry.activities.runtime;

import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * The one thread of a process that computes with tensors. Generation and training take turns on it, so that they never
 * compete for the same cores; PyTorch's number of threads and gradient mode, which it keeps by thread, are its own.
 */
public final class Tensors implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Tensors.class);

    private final LongAdder busy = new LongAdder();
    private final Scheduler scheduler = Schedulers.newSingle("tensors");

    /** Seconds of work so far, not counting what is under way. */
    public double busySeconds() {
        return busy.sum() / 1e9;
    }

    /** Runs work on the tensor thread once subscribed to. */
    public <T> Mono<T> mono(Callable<T> work) {
        Map<String, String> context =
                Optional.ofNullable(MDC.getCopyOfContextMap()).orElse(Map.of());
        return Mono.fromCallable(() -> {
                    long start = System.nanoTime();
                    try (LogContext same = LogContext.of(context)) {
                        return work.call();
                    } finally {
                        busy.add(System.nanoTime() - start);
                    }
                })
                .subscribeOn(scheduler);
    }

    /** Loads what computes, while others prepare what is to be computed. What fails, fails again where it is used. */
    public void begin(Runnable loading) {
        scheduler.schedule(() -> {
            try {
                loading.run();
            } catch (RuntimeException e) {
                log.debug("loading ahead of use failed", e);
            }
        });
    }

    /** Runs work on the tensor thread and waits for it. */
    public <T> T call(Callable<T> work) {
        T result = mono(work).block();
        if (result == null) {
            throw new IllegalStateException("tensor work gave no result");
        }
        return result;
    }

    @Override
    public void close() {
        scheduler.dispose();
    }
}
