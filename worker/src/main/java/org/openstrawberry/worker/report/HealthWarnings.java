package org.openstrawberry.worker.report;

import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.activities.run.IterationRecord;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.Adjustment;
import org.openstrawberry.config.HealthSpec;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.Health;
import org.openstrawberry.workflows.Health.Check;
import org.openstrawberry.workflows.IterationMetrics;

/** What a run was warned of, summed up. */
public final class HealthWarnings {
    /**
     * A check that warned.
     *
     * @param iterations in which it did
     * @param first of these
     * @param words of that iteration, by the bounds that it was checked by
     */
    public record Warning(int iterations, int first, String words) {}

    private HealthWarnings() {}

    /**
     * The warnings in the order of the checks.
     *
     * @param spec what the run was started with
     * @param directory of the run
     * @param rows metrics of the iterations that are there to be read
     */
    public static List<Warning> of(RunSpec spec, Path directory, List<IterationMetrics> rows) {
        Map<Check, List<IterationMetrics>> warned = new EnumMap<>(Check.class);
        for (IterationMetrics row : rows) {
            for (Check check : Health.warned(row)) {
                warned.computeIfAbsent(check, any -> new ArrayList<>()).add(row);
            }
        }
        List<Warning> warnings = new ArrayList<>();
        warned.forEach((check, iterations) -> {
            IterationMetrics first = iterations.get(0);
            warnings.add(new Warning(
                    iterations.size(),
                    first.iteration(),
                    Health.words(bounds(spec, directory, first.iteration()), check, first)));
        });
        return warnings;
    }

    /** The bounds change while a run lives. */
    private static Optional<HealthSpec> bounds(RunSpec spec, Path directory, int iteration) {
        Path file = directory.resolve(RunLayout.iterationRecord(iteration));
        try {
            Map<String, Object> adjusted = Files.exists(file)
                    ? Json.read(file, IterationRecord.class).state().adjusted()
                    : Map.of();
            return adjusted.isEmpty()
                    ? spec.health()
                    : Adjustment.apply(spec, adjusted).health();
        } catch (UncheckedIOException | IllegalArgumentException e) {
            return spec.health(); // of a damaged record, which others tell of
        }
    }
}
