package org.openstrawberry.worker;

import io.micrometer.observation.ObservationRegistry;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.worker.tracing.Tracing;
import picocli.CommandLine.Option;

/** Whether a process traces its steps: by an option, or as OpenTelemetry's own variables ask for. */
final class TraceOptions {
    @Option(
            names = "--otlp",
            paramLabel = "URL",
            description =
                    "Send traces to an OpenTelemetry collector, such as http://localhost:4318; by default to that of"
                            + " OTEL_EXPORTER_OTLP_ENDPOINT, if any.")
    private @Nullable String url;

    /** Refuses the option where it would have no effect. */
    void refuse(String where) {
        if (url != null) {
            throw new InvalidInputException("--otlp: has no effect " + where);
        }
    }

    /**
     * Begins to trace where that is asked for.
     *
     * @throws InvalidInputException if the settings are at fault
     */
    Traces open() {
        boolean asked = Stream.of("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
                .anyMatch(name ->
                        !Optional.ofNullable(System.getenv(name)).orElse("").isBlank());
        if (url == null && !asked) {
            return new Traces(ObservationRegistry.NOOP, () -> {});
        }
        if (url != null && !url.matches("https?://[^/].*")) {
            throw new InvalidInputException(
                    "--otlp: found \"" + url + "\", expected a collector's address, such as http://localhost:4318");
        }
        Tracing tracing = Tracing.start(Optional.ofNullable(url));
        return new Traces(tracing.observations(), tracing::close);
    }

    /** What steps are told to, and what ends it. */
    record Traces(ObservationRegistry spans, Runnable closing) implements AutoCloseable {
        @Override
        public void close() {
            closing.run();
        }
    }
}
