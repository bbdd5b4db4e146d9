package org.openstrawberry.activities.runtime;

import io.micrometer.observation.ObservationRegistry;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.client.ActivityCompletionException;
import io.temporal.common.interceptors.ActivityInboundCallsInterceptor;
import io.temporal.common.interceptors.ActivityInboundCallsInterceptorBase;
import io.temporal.common.interceptors.WorkerInterceptorBase;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.openstrawberry.activities.store.EventLog;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.workflows.steps.Attempts;
import org.openstrawberry.workflows.steps.HostActivities;
import org.openstrawberry.workflows.steps.PromptActivities.PromptRequest;
import org.openstrawberry.workflows.steps.RankingActivities.RankingRequest;
import org.openstrawberry.workflows.steps.RewardActivities.ScoreRequest;
import org.openstrawberry.workflows.steps.RunRef;
import org.openstrawberry.workflows.steps.TaskQueues;
import org.openstrawberry.workflows.steps.ThoughtActivities.ThoughtRequest;
import org.openstrawberry.workflows.steps.TrainerActivities.StepRequest;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Surrounds every activity: heartbeats from a thread of their own, since the step's thread computes; timers, counters
 * and spans by step; and failures told apart. What the user must mend, or what is our own mistake, ends the run with its reason; all else
 * is tried again.
 */
public final class StepInterceptor extends WorkerInterceptorBase implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(StepInterceptor.class);
    private static final Duration HEARTBEAT = Duration.ofSeconds(2);
    private static final String LEASE = "lease";

    private final RunMeters meters;
    private final ObservationRegistry spans;
    private final Set<String> closed = ConcurrentHashMap.newKeySet();
    private final ScheduledExecutorService heartbeats = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "heartbeats");
        thread.setDaemon(true);
        return thread;
    });

    /**
     * @param meters where the steps' times go
     * @param spans where traces of them go
     */
    public StepInterceptor(RunMeters meters, ObservationRegistry spans) {
        this.meters = meters;
        this.spans = spans;
    }

    /** From now on refuses steps that come by this task queue, so that another process is asked. */
    public void refuse(String taskQueue) {
        closed.add(taskQueue);
    }

    @Override
    public ActivityInboundCallsInterceptor interceptActivity(ActivityInboundCallsInterceptor next) {
        return new Surrounded(next);
    }

    @Override
    public void close() {
        heartbeats.shutdownNow();
    }

    private final class Surrounded extends ActivityInboundCallsInterceptorBase {
        private String step = "";
        private int attempt;
        private String taskQueue = "";
        private String run = "";
        private String execution = "";
        private Runnable heartbeat = () -> {};

        Surrounded(ActivityInboundCallsInterceptor next) {
            super(next);
        }

        @Override
        public void init(ActivityExecutionContext context) {
            step = context.getInfo().getActivityType().toLowerCase(Locale.ROOT);
            attempt = context.getInfo().getAttempt();
            taskQueue = context.getInfo().getActivityTaskQueue();
            run = context.getInfo().getWorkflowId();
            execution = context.getInfo().getWorkflowRunId();
            if (!context.getInfo().isLocal()) {
                heartbeat = () -> heartbeat(context);
            }
            super.init(context);
        }

        @Override
        public ActivityOutput execute(ActivityInput input) {
            if (closed.contains(taskQueue)) {
                throw ApplicationFailure.newNonRetryableFailure("this process is ending", HostActivities.ENDING);
            }
            Optional<Path> directory = directory(input);
            Optional<EventLog> events = directory.map(EventLog::new);
            if (attempt > 1) {
                events.ifPresent(log -> log.again(step, attempt));
            }
            ScheduledFuture<?> beating = heartbeats.scheduleWithFixedDelay(
                    heartbeat, HEARTBEAT.toMillis(), HEARTBEAT.toMillis(), TimeUnit.MILLISECONDS);
            long start = System.nanoTime();
            boolean done = false;
            StepSpan.Origin origin = new StepSpan.Origin(run, execution, step, role(taskQueue), attempt);
            try (LogContext context = LogContext.of(run, step, input.getArguments());
                    StepSpan span = StepSpan.of(spans, origin, input.getArguments())) {
                ActivityOutput output = execute(input, events, span);
                done = true;
                return output;
            } finally {
                beating.cancel(false);
                measured(directory, done, System.nanoTime() - start);
            }
        }

        /** A step that is done stays done, whatever its meters throw. */
        private void measured(Optional<Path> directory, boolean done, long nanos) {
            try {
                meters.step(run, directory, step, role(taskQueue), attempt, !done, nanos);
            } catch (RuntimeException e) {
                log.warn("step {} is not measured", step, e);
            }
        }

        private ActivityOutput execute(ActivityInput input, Optional<EventLog> events, StepSpan span) {
            try {
                ActivityOutput output = super.execute(input);
                if (step.equals(LEASE)) {
                    events.ifPresent(EventLog::leased);
                }
                return output;
            } catch (RuntimeException e) {
                events.ifPresent(log -> log.failed(step, attempt, e));
                span.failed(e);
                throw translated(e);
            }
        }

        /** Of the run that the step belongs to, which each of them has as its argument or in its request. */
        private Optional<Path> directory(ActivityInput input) {
            Object argument = input.getArguments().length == 0 ? "" : input.getArguments()[0];
            Optional<RunRef> ref = Optional.empty();
            if (argument instanceof RunRef own) {
                ref = Optional.of(own);
            } else if (argument instanceof PromptRequest request) {
                ref = Optional.of(request.run());
            } else if (argument instanceof ThoughtRequest request) {
                ref = Optional.of(request.run());
            } else if (argument instanceof ScoreRequest request) {
                ref = Optional.of(request.run());
            } else if (argument instanceof RankingRequest request) {
                ref = Optional.of(request.run());
            } else if (argument instanceof StepRequest request) {
                ref = Optional.of(request.run());
            }
            return ref.map(known -> Path.of(known.directory()));
        }

        /** A process's own task queue is named after its role. */
        private static String role(String taskQueue) {
            if (taskQueue.equals(TaskQueues.RUNS)) {
                return "runs";
            }
            return taskQueue.startsWith(TaskQueues.TRAINER) ? TaskQueues.TRAINER : taskQueue;
        }

        private RuntimeException translated(RuntimeException e) {
            log.warn("step {} failed", step, e);
            for (Throwable cause = e; cause != null; cause = cause.getCause()) {
                if (cause instanceof InvalidInputException) {
                    return ApplicationFailure.newNonRetryableFailureWithCause(
                            String.valueOf(cause.getMessage()), "InvalidInput", e);
                }
                if (cause instanceof IOException
                        && String.valueOf(cause.getMessage()).contains("No space left on device")) {
                    return ApplicationFailure.newNonRetryableFailureWithCause(
                            "no space left on the run directory's disk (" + cause.getMessage()
                                    + "); make some and start the run again",
                            "NoSpace",
                            e);
                }
            }
            if (attempt >= Attempts.OF_ERRORS
                    || e instanceof IllegalArgumentException
                    || e instanceof IllegalStateException
                    || e instanceof ArithmeticException
                    || e instanceof ClassCastException
                    || e instanceof NullPointerException) {
                return ApplicationFailure.newNonRetryableFailureWithCause(
                        step + ": " + e.getMessage(), e.getClass().getSimpleName(), e);
            }
            return e;
        }

        private void heartbeat(ActivityExecutionContext context) {
            try {
                context.heartbeat(null);
            } catch (ActivityCompletionException e) {
                log.info("step {} is no longer waited for", step, e);
            } catch (RuntimeException e) {
                // An error that got out would end the heartbeats for good.
                log.warn("step {}: a heartbeat failed", step, e);
            }
        }
    }
}
