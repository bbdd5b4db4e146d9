package org.openstrawberry.benchmarks;

import io.temporal.activity.ActivityExecutionContext;
import io.temporal.common.interceptors.ActivityInboundCallsInterceptor;
import io.temporal.common.interceptors.ActivityInboundCallsInterceptorBase;
import io.temporal.common.interceptors.WorkerInterceptorBase;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import org.openstrawberry.workflows.steps.Pairs;
import org.openstrawberry.workflows.steps.Step;
import org.openstrawberry.workflows.steps.ThoughtActivities.ThoughtRequest;
import org.openstrawberry.workflows.steps.Thoughts;

/**
 * Holds a run wherever it begins to generate. From there to there is one iteration: generation, scores, pairs, step, the row
 * of metrics, the next prompts, and every task and file in between.
 */
final class Gate extends WorkerInterceptorBase {
    private static final Duration HEARTBEAT = Duration.ofSeconds(2);
    private static final Set<String> PARTS = Set.of("generate", "train");

    private final int tokens;
    private final int pairs;
    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private int arrived;
    private int allowed;
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
    synchronized void await() throws InterruptedException {
        while (arrived == allowed && failure.isEmpty()) {
            wait();
        }
        if (!failure.isEmpty()) {
            throw new IllegalStateException(failure);
        }
    }

    /** Lets one iteration through and waits for its end; its parts in seconds. */
    synchronized Map<String, Double> iteration() throws InterruptedException {
        seconds.clear();
        allowed = arrived;
        notifyAll();
        await();
        if (!seconds.keySet().containsAll(PARTS)) {
            throw new IllegalStateException("an iteration had the parts " + seconds.keySet() + ", expected " + PARTS);
        }
        return Map.copyOf(seconds);
    }

    /** Whoever waits is told, and nothing more is let through. */
    synchronized void fail(String why) {
        failure = why;
        notifyAll();
    }

    private synchronized void took(String part, double time) {
        seconds.merge(part, time, Double::sum);
    }

    private void require(String what, long found, long expected) {
        if (found != expected) {
            fail("an iteration had " + found + " " + what + ", expected " + expected + ": not the peers' work");
        }
    }

    @Override
    public ActivityInboundCallsInterceptor interceptActivity(ActivityInboundCallsInterceptor next) {
        return new ActivityInboundCallsInterceptorBase(next) {
            private Runnable heartbeat = () -> {};

            @Override
            public void init(ActivityExecutionContext context) {
                heartbeat = () -> context.heartbeat(null);
                super.init(context);
            }

            @Override
            public ActivityOutput execute(ActivityInput input) {
                if (input.getArguments().length > 0 && input.getArguments()[0] instanceof ThoughtRequest request) {
                    hold(request.prompts().iteration(), heartbeat);
                }
                ActivityOutput output = super.execute(input);
                note(output.getResult());
                return output;
            }

            private void note(Object result) {
                if (result instanceof Thoughts thoughts) {
                    require("tokens", thoughts.tokens(), tokens);
                    took("generate", thoughts.modelSeconds());
                } else if (result instanceof Pairs formed) {
                    require("pairs", formed.formed(), pairs);
                } else if (result instanceof Step trained) {
                    took("train", trained.modelSeconds());
                }
            }
        };
    }

    /** An attempt that follows another one at the same iteration arrives but once, and waits for the same. */
    private void hold(int iteration, Runnable heartbeat) {
        arrive(iteration);
        try {
            while (!waited(iteration)) {
                heartbeat.run();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("the benchmark has ended");
        }
    }

    private synchronized void arrive(int iteration) {
        if (iteration > arrived) {
            arrived = iteration;
            notifyAll();
        }
    }

    /** Whether the iteration may go on; otherwise some time has passed. */
    private synchronized boolean waited(int iteration) throws InterruptedException {
        if (iteration > allowed && failure.isEmpty()) {
            wait(HEARTBEAT.toMillis());
        }
        if (!failure.isEmpty()) {
            throw new CancellationException(failure);
        }
        return iteration <= allowed;
    }
}
