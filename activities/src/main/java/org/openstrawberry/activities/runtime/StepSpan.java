package org.openstrawberry.activities.runtime;

import io.micrometer.common.KeyValue;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import java.util.Optional;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.steps.RewardActivities.ScoreRequest;
import org.openstrawberry.workflows.steps.ThoughtActivities.ThoughtRequest;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/**
 * A step under way as a span of its iteration's trace, held by the step's thread. Streams change threads: what a step waits for
 * takes it along in Reactor's context, by {@link #carried}. What a tracer throws is logged: who looks on never fails a step.
 */
public final class StepSpan implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(StepSpan.class);
    private static final ThreadLocal<Observation> CURRENT = ThreadLocal.withInitial(() -> Observation.NOOP);
    private static final Object KEY = StepSpan.class;
    private static final String RUN = "strawberry.run";
    private static final String ITERATION = "strawberry.iteration";
    private static final String RECORD = "record";
    /** Asked every few seconds, of nothing but life. */
    private static final String PING = "ping";

    private final Observation span;
    private boolean failed;

    private StepSpan(Observation span) {
        this.span = span;
    }

    /**
     * Where a step comes from.
     *
     * @param execution the workflow's run id
     */
    record Origin(String run, String execution, String step, String role, int attempt) {}

    /** What a step's span begins from. */
    public static final class StepContext extends Observation.Context {
        private final Optional<IterationTrace> trace;

        StepContext(Optional<IterationTrace> trace) {
            this.trace = trace;
        }

        /** The trace that it belongs to; a step outside of iterations is a trace of its own. */
        public Optional<IterationTrace> trace() {
            return trace;
        }
    }

    /** A finished iteration's own span, the root of its trace. */
    public static final class IterationContext extends Observation.Context {
        private final IterationTrace trace;
        private final double seconds;

        IterationContext(IterationTrace trace, double seconds) {
            this.trace = trace;
            this.seconds = seconds;
        }

        public IterationTrace trace() {
            return trace;
        }

        /** How long it took, up to now. */
        public double seconds() {
            return seconds;
        }
    }

    /** Begins; to be closed by the same thread. */
    static StepSpan of(ObservationRegistry spans, Origin origin, Object[] arguments) {
        if (spans.isNoop() || origin.step().equals(PING)) {
            return new StepSpan(Observation.NOOP);
        }
        Optional<IterationTrace> trace = LogContext.iteration(origin.step(), arguments)
                .map(iteration -> IterationTrace.of(origin.run(), origin.execution(), iteration));
        Observation span = Observation.NOOP;
        try {
            span = begun(spans, origin, trace, arguments);
            CURRENT.set(span);
            if (origin.step().equals(RECORD)) {
                trace.ifPresent(known -> iteration(spans, origin.run(), known, arguments));
            }
        } catch (RuntimeException e) {
            log.warn("step {} is not traced", origin.step(), e);
        }
        trace.ifPresent(known -> MDC.put("trace", known.traceId()));
        return new StepSpan(span);
    }

    private static Observation begun(
            ObservationRegistry spans, Origin origin, Optional<IterationTrace> trace, Object[] arguments) {
        Observation span = Observation.createNotStarted("strawberry.step", () -> new StepContext(trace), spans)
                .contextualName(origin.step())
                .highCardinalityKeyValue(RUN, origin.run())
                .lowCardinalityKeyValue("strawberry.phase", origin.step())
                .lowCardinalityKeyValue("strawberry.role", origin.role())
                .highCardinalityKeyValue("strawberry.attempt", Integer.toString(origin.attempt()));
        trace.ifPresent(known -> span.highCardinalityKeyValue(ITERATION, Integer.toString(known.iteration())));
        shard(arguments).ifPresent(shard -> span.highCardinalityKeyValue("strawberry.shard", Integer.toString(shard)));
        return span.start();
    }

    private static Optional<Integer> shard(Object[] arguments) {
        if (arguments.length > 0 && arguments[0] instanceof ThoughtRequest request) {
            return Optional.of(request.shard());
        }
        return arguments.length > 0 && arguments[0] instanceof ScoreRequest request
                ? Optional.of(request.thoughts().shard())
                : Optional.empty();
    }

    /** An iteration is told of once it is recorded; a second attempt tells the same span again. */
    private static void iteration(ObservationRegistry spans, String run, IterationTrace trace, Object[] arguments) {
        for (Object argument : arguments) {
            if (argument instanceof IterationMetrics row) {
                double seconds = row.value("time/iteration").orElse(0.0);
                Observation root = Observation.createNotStarted(
                                "strawberry.iteration", () -> new IterationContext(trace, seconds), spans)
                        .contextualName("iteration")
                        .highCardinalityKeyValue(RUN, run)
                        .highCardinalityKeyValue(ITERATION, Integer.toString(trace.iteration()));
                for (String metric : new String[] {"loss", "objective/scores", "objective/kl", "thoughts/tokens"}) {
                    row.value(metric)
                            .ifPresent(value -> root.highCardinalityKeyValue(
                                    KeyValue.of("strawberry." + metric.replace('/', '.'), Double.toString(value))));
                }
                root.start().stop();
            }
        }
    }

    /** The step has failed; it is told what of. */
    void failed(Throwable error) {
        failed = true;
        safely(() -> span.error(error));
    }

    /** For a stream's {@code contextWrite}: the step of this thread, which waits for it. */
    public static ContextView carried() {
        Observation span = CURRENT.get();
        return span.isNoop() ? Context.empty() : Context.of(KEY, span);
    }

    /** The step that a stream belongs to; one that does nothing where there is none, or nobody traces. */
    public static Observation of(ContextView context) {
        return context.<Observation>getOrEmpty(KEY).orElse(Observation.NOOP);
    }

    @Override
    public void close() {
        CURRENT.remove();
        safely(() -> span.lowCardinalityKeyValue("strawberry.outcome", failed ? "failed" : "done")
                .stop());
    }

    private static void safely(Runnable telling) {
        try {
            telling.run();
        } catch (RuntimeException e) {
            log.warn("a step's span is not told", e);
        }
    }
}
