package org.openstrawberry.workflows;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The metrics of one iteration under the names of the field ({@code loss}, {@code rewards/margins}, …), in the order in
 * which they are written.
 *
 * @param iteration 0 is the policy before the first step
 */
public record IterationMetrics(int iteration, Map<String, Double> values) {
    /** Keeps the order of the given map. */
    public IterationMetrics {
        values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    }

    /** The same with further metrics behind. */
    IterationMetrics with(Map<String, Double> more) {
        Map<String, Double> all = new LinkedHashMap<>(values);
        all.putAll(more);
        return new IterationMetrics(iteration, all);
    }

    /** The metric of that name, where this iteration has it. */
    public Optional<Double> value(String name) {
        return Optional.ofNullable(values.get(name));
    }
}
