package org.openstrawberry.workflows;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;

/** Which phase of an iteration is under way, and how long each has taken. */
final class PhaseClock {
    private final LongSupplier milliseconds;
    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private String phase = "start";
    private long since;

    /** @param milliseconds the workflow's own clock, which reads the same when the workflow is replayed */
    PhaseClock(LongSupplier milliseconds) {
        this.milliseconds = milliseconds;
        this.since = milliseconds.getAsLong();
    }

    String phase() {
        return phase;
    }

    void enter(String next) {
        long now = milliseconds.getAsLong();
        seconds.merge(phase, (now - since) / 1000.0, Double::sum);
        phase = next;
        since = now;
    }

    /** Seconds since the last call of {@link #take}. */
    double elapsed() {
        enter(phase);
        return seconds.values().stream().mapToDouble(Double::doubleValue).sum();
    }

    /** Seconds by phase since the last call, in the order of the phases. */
    Map<String, Double> take() {
        enter(phase);
        Map<String, Double> taken = new LinkedHashMap<>(seconds);
        seconds.clear();
        return taken;
    }
}
