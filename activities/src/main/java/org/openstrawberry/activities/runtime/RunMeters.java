package org.openstrawberry.activities.runtime;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.openstrawberry.workflows.IterationMetrics;

/**
 * The newest metrics of each run as gauges: {@code rewards/margins} is {@code strawberry.rewards.margins} with the run's id as
 * the tag {@code run}. Times by phase are not among them: those are timers of every step.
 */
public final class RunMeters {
    private static final String PREFIX = "strawberry.";
    private static final String PHASES = "phase/";

    private final MeterRegistry meters;
    private final Map<String, Map<String, Double>> rows = new ConcurrentHashMap<>();

    /** @param meters where the gauges stand */
    public RunMeters(MeterRegistry meters) {
        this.meters = meters;
    }

    /** Shows an iteration in the place of the one before; what it lacks has no value any more. */
    public void show(String run, IterationMetrics row) {
        Map<String, Double> values = new HashMap<>(row.values());
        values.put("iteration", (double) row.iteration());
        rows.put(run, values);
        values.keySet().stream()
                .filter(name -> !name.startsWith(PHASES))
                .forEach(name -> Gauge.builder(
                                PREFIX + name.replace('/', '.'),
                                rows,
                                all -> all.getOrDefault(run, Map.of()).getOrDefault(name, Double.NaN))
                        .tag("run", run)
                        .register(meters));
    }
}
