package org.openstrawberry.worker.tracing;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler.FirstMatchingCompositeObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.tracing.Span;
import io.micrometer.tracing.TraceContext;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.handler.DefaultTracingObservationHandler;
import io.micrometer.tracing.handler.PropagatingSenderTracingObservationHandler;
import io.micrometer.tracing.otel.bridge.OtelCurrentTraceContext;
import io.micrometer.tracing.otel.bridge.OtelPropagator;
import io.micrometer.tracing.otel.bridge.OtelTracer;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigurationException;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.openstrawberry.activities.runtime.IterationTrace;
import org.openstrawberry.activities.runtime.StepSpan.IterationContext;
import org.openstrawberry.activities.runtime.StepSpan.StepContext;
import org.openstrawberry.config.InvalidInputException;

/**
 * Sends the spans of steps, iterations and requests by OTLP over HTTP. All settings are OpenTelemetry's own environment
 * variables, read by its own library; what can't be sent is dropped, and no step waits for it.
 */
public final class Tracing implements AutoCloseable {
    private static final String NAME = "org.openstrawberry";
    private static final long LAST_SPANS_SECONDS = 5;

    private final OpenTelemetrySdk sdk;
    private final ExporterLog log;
    private final ObservationRegistry observations;

    private Tracing(OpenTelemetrySdk sdk, ChosenIds ids, ExporterLog log) {
        this.sdk = sdk;
        this.log = log;
        io.opentelemetry.api.trace.Tracer otel = sdk.getTracer(NAME);
        Tracer tracer = new OtelTracer(otel, new OtelCurrentTraceContext(), event -> {});
        observations = ObservationRegistry.create();
        observations
                .observationConfig()
                .observationHandler(new FirstMatchingCompositeObservationHandler(
                        new Iterations(tracer, ids),
                        new Steps(tracer),
                        new PropagatingSenderTracingObservationHandler<>(
                                tracer, new OtelPropagator(sdk.getPropagators(), otel)),
                        new DefaultTracingObservationHandler(tracer)));
    }

    /**
     * Begins.
     *
     * @param url of the collector, before that of the environment
     * @throws InvalidInputException if OpenTelemetry's settings are at fault
     */
    public static Tracing start(Optional<String> url) {
        ChosenIds ids = new ChosenIds();
        ExporterLog log = ExporterLog.begin();
        try {
            OpenTelemetrySdk sdk = AutoConfiguredOpenTelemetrySdk.builder()
                    .addPropertiesSupplier(() ->
                            Map.of("otel.service.name", "strawberry", "otel.exporter.otlp.protocol", "http/protobuf"))
                    .addPropertiesCustomizer(given -> {
                        // Spans only: metrics are Prometheus's matter.
                        Map<String, String> ours =
                                new HashMap<>(Map.of("otel.metrics.exporter", "none", "otel.logs.exporter", "none"));
                        url.ifPresent(collector -> ours.put("otel.exporter.otlp.endpoint", collector));
                        return ours;
                    })
                    .addTracerProviderCustomizer((provider, given) -> provider.setIdGenerator(ids))
                    .disableShutdownHook()
                    .build()
                    .getOpenTelemetrySdk();
            return new Tracing(sdk, ids, log);
        } catch (ConfigurationException | IllegalStateException e) {
            log.close();
            throw new InvalidInputException(
                    "OpenTelemetry's settings (--otlp, OTEL_…): " + cause(e)
                            + "; expected a collector's address such as http://localhost:4318, and http/protobuf",
                    e);
        }
    }

    /** The library wraps what it says. */
    private static String cause(Throwable e) {
        Throwable innermost = e;
        while (innermost.getCause() != null) {
            innermost = innermost.getCause();
        }
        return String.valueOf(innermost.getMessage()).lines().findFirst().orElse("");
    }

    /** Where steps are told. */
    public ObservationRegistry observations() {
        return observations;
    }

    /** Sends what is left, for some seconds. */
    @Override
    public void close() {
        if (!sdk.shutdown().join(LAST_SPANS_SECONDS, TimeUnit.SECONDS).isSuccess()) {
            log.tell("the last ones were not taken within " + LAST_SPANS_SECONDS + " seconds.");
        }
        log.close();
    }

    /** A step is a span under its iteration's, which comes later and has a known id. */
    private static final class Steps extends DefaultTracingObservationHandler {
        private final Tracer tracer;

        Steps(Tracer tracer) {
            super(tracer);
            this.tracer = tracer;
        }

        @Override
        public boolean supportsContext(Observation.Context context) {
            return context instanceof StepContext;
        }

        @Override
        public void onStart(Observation.Context context) {
            Optional<IterationTrace> trace = ((StepContext) context).trace();
            Span.Builder span = tracer.spanBuilder().name(getSpanName(context));
            if (trace.isPresent()) {
                TraceContext parent = tracer.traceContextBuilder()
                        .traceId(trace.get().traceId())
                        .spanId(trace.get().rootId())
                        .sampled(true)
                        .build();
                span.setParent(parent);
            } else {
                span.setNoParent();
            }
            getTracingContext(context).setSpan(span.start());
        }
    }

    /** An iteration's own span, told when it is over. */
    private static final class Iterations extends DefaultTracingObservationHandler {
        private final Tracer tracer;
        private final ChosenIds ids;

        Iterations(Tracer tracer, ChosenIds ids) {
            super(tracer);
            this.tracer = tracer;
            this.ids = ids;
        }

        @Override
        public boolean supportsContext(Observation.Context context) {
            return context instanceof IterationContext;
        }

        @Override
        public void onStart(Observation.Context context) {
            IterationContext iteration = (IterationContext) context;
            long start = Instant.now().toEpochMilli() - (long) (iteration.seconds() * 1e3);
            Span span = ids.with(
                    iteration.trace().traceId(),
                    iteration.trace().rootId(),
                    () -> tracer.spanBuilder()
                            .setNoParent()
                            .name(getSpanName(context))
                            .startTimestamp(start, TimeUnit.MILLISECONDS)
                            .start());
            getTracingContext(context).setSpan(span);
        }
    }
}
