package org.openstrawberry.benchmarks;

import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.common.interceptors.ActivityInboundCallsInterceptor;
import io.temporal.common.interceptors.ActivityInboundCallsInterceptorBase;
import io.temporal.common.interceptors.WorkerInterceptorBase;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.openstrawberry.workflows.steps.Pairs;
import org.openstrawberry.workflows.steps.Step;
import org.openstrawberry.workflows.steps.Thoughts;

/**
 * Holds a run wherever it begins to generate. From there to there is one iteration: generation, scores, pairs, step, the row
 * of metrics, the next prompts, and every task and file in between.
 */
final class Gate extends WorkerInterceptorBase {
    private final Semaphore arrived = new Semaphore(0);
    private final Semaphore open = new Semaphore(0);
    private final int tokens;
    private final int pairs;
    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private String failure = "";

    /**
     * @param tokens that an iteration must generate
     * @param pairs that it must train on
     */
    Gate(int tokens, int pairs) {
        this.tokens = tokens;
        this.pairs = pairs;
    }

    /** Waits until the run stands at the gate. */
    void await() throws InterruptedException {
        arrived.acquire();
        requireGood();
    }

    /** Lets one iteration through and waits for its end; its parts in seconds. */
    Map<String, Double> iteration() throws InterruptedException {
        synchronized (seconds) {
            seconds.clear();
        }
        open.release();
        await();
        synchronized (seconds) {
            return Map.copyOf(seconds);
        }
    }

    /** Whoever waits is told; nothing more goes through. */
    void fail(String why) {
        synchronized (seconds) {
            failure = why;
        }
        arrived.release();
    }

    private void requireGood() {
        synchronized (seconds) {
            if (!failure.isEmpty()) {
                throw new IllegalStateException(failure);
            }
        }
    }

    private void took(String part, double time) {
        synchronized (seconds) {
            seconds.merge(part, time, Double::sum);
        }
    }

    private void require(String what, long found, long expected) {
        if (found != expected) {
            fail("an iteration had " + found + " " + what + ", expected " + expected + ": not the peers' work");
        }
    }

    @Override
    public ActivityInboundCallsInterceptor interceptActivity(ActivityInboundCallsInterceptor next) {
        return new ActivityInboundCallsInterceptorBase(next) {
            private String step = "";

            @Override
            public void init(ActivityExecutionContext context) {
                step = context.getInfo().getActivityType();
                super.init(context);
            }

            @Override
            public ActivityOutput execute(ActivityInput input) {
                if (step.equals("Generate")) {
                    hold();
                }
                long start = System.nanoTime();
                ActivityOutput output = super.execute(input);
                note(output.getResult(), (System.nanoTime() - start) / 1e9);
                return output;
            }

            private void note(Object result, double time) {
                if (result instanceof Thoughts thoughts) {
                    require("tokens", thoughts.tokens(), tokens);
                    took("generate", thoughts.modelSeconds());
                } else if (result instanceof Pairs formed) {
                    require("pairs", formed.formed(), pairs);
                } else if (result instanceof Step trained) {
                    took("train", trained.modelSeconds());
                } else if (step.equals("Score")) {
                    took("score", time);
                }
            }
        };
    }

    private void hold() {
        arrived.release();
        try {
            while (!open.tryAcquire(2, TimeUnit.SECONDS)) {
                Activity.getExecutionContext().heartbeat(null);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("the benchmark has ended");
        }
    }
}
