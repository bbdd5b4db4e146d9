package org.openstrawberry.worker;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import java.util.List;
import org.openstrawberry.activities.runtime.RunListener;

/**
 * Who looks on at a process's work.
 *
 * @param meters where metrics go
 * @param spans where traces go
 * @param listeners told of each run
 */
public record Monitoring(MeterRegistry meters, ObservationRegistry spans, List<RunListener> listeners) {
    /** Nobody. */
    public static Monitoring none() {
        return of(new SimpleMeterRegistry());
    }

    /** Metrics only. */
    public static Monitoring of(MeterRegistry meters) {
        return new Monitoring(meters, ObservationRegistry.NOOP, List.of());
    }
}
