package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.openstrawberry.workflows.SweepResults;
import org.openstrawberry.workflows.SweepResults.State;
import org.openstrawberry.workflows.SweepResults.TrialResult;

/** A sweep's results as a person reads them. */
final class SweepTable {
    private SweepTable() {}

    static void print(PrintStream out, SweepResults results) {
        List<List<String>> rows = new ArrayList<>();
        Collection<String> keys = results.trials().get(0).settings().keySet();
        List<String> header = new ArrayList<>(List.of("trial"));
        header.addAll(keys);
        header.addAll(List.of("iterations", results.measure().written(), "state", "run directory"));
        rows.add(header);
        for (TrialResult trial : results.trials()) {
            List<String> row = new ArrayList<>(List.of(trial.trial()));
            trial.settings().values().forEach(value -> row.add(word(value)));
            row.addAll(List.of(
                    Integer.toString(trial.iterations()),
                    value(trial.value()),
                    trial.state().written(),
                    shortened(trial.directory()).toString()));
            rows.add(row);
        }
        List<Integer> widths = IntStream.range(0, header.size())
                .map(column -> rows.stream()
                        .mapToInt(row -> row.get(column).length())
                        .max()
                        .orElse(0))
                .boxed()
                .toList();
        for (List<String> row : rows) {
            out.println(IntStream.range(0, row.size())
                    .mapToObj(column -> String.format("%-" + widths.get(column) + "s", row.get(column)))
                    .collect(Collectors.joining("  "))
                    .stripTrailing());
        }
        results.trials()
                .forEach(trial -> trial.reason()
                        .ifPresent(reason -> out.println(
                                "trial " + trial.trial() + " " + trial.state().written() + ": " + reason)));
        TrialResult best = results.trials().get(0);
        if (best.state() == State.DONE) {
            out.println("Best: trial " + best.trial() + ", " + words(best.settings()) + ". Its policy is in "
                    + shortened(best.directory()).resolve("policy") + ".");
        }
    }

    /** Such as {@code dpo.beta=0.1 seed=2}. */
    static String words(Map<String, JsonNode> settings) {
        return settings.entrySet().stream()
                .map(setting -> setting.getKey() + "=" + word(setting.getValue()))
                .collect(Collectors.joining(" "));
    }

    static String value(Optional<Double> value) {
        return value.map(number -> String.format(Locale.ROOT, "%.4f", number)).orElse("-");
    }

    private static String word(JsonNode value) {
        return value.isFloatingPointNumber()
                ? value.asText().replace('E', 'e')
                : value.isTextual() ? value.textValue() : value.toString();
    }

    private static Path shortened(String directory) {
        Path path = Path.of(directory);
        Path here = Path.of("").toAbsolutePath();
        return path.startsWith(here) ? here.relativize(path) : path;
    }
}
