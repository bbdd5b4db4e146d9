package org.openstrawberry.worker;

import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.Predicate;
import org.openstrawberry.activities.lines.EvaluationLine;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.workflows.RunResult;

/** What a finished run prints: held-out results before and after, three examples, and where things lie. */
final class FinalReport {
    private static final int EXAMPLES = 3;

    private FinalReport() {}

    static void print(PrintStream out, Path directory, RunResult result) {
        out.println("Done after " + result.iteration() + " iterations: " + result.reason() + ".");
        Path before = directory.resolve(RunLayout.evaluation(0));
        Path after = directory.resolve(RunLayout.evaluation(result.iteration()));
        if (Files.exists(before) && Files.exists(after)) {
            heldOut(out, Json.readLines(before, EvaluationLine.class), Json.readLines(after, EvaluationLine.class));
        }
        out.println();
        out.println("policy   " + directory.resolve(result.policy()));
        out.println("metrics  " + directory.resolve(RunLayout.METRICS));
        out.println("log      " + directory.resolve(RunLayout.LOG));
    }

    private static void heldOut(PrintStream out, List<EvaluationLine> before, List<EvaluationLine> after) {
        out.println();
        out.printf(Locale.ROOT, "%-28s %8s %8s%n", "held-out mean reward", "before", "after");
        row(out, "greedy", before, after, line -> line.sample() == 0);
        row(out, "sampled at temperature 1", before, after, line -> line.sample() > 0);
        List<EvaluationLine> examples = after.stream()
                .filter(line -> line.sample() == 0)
                .sorted((a, b) -> Boolean.compare(isStrawberry(b), isStrawberry(a)))
                .limit(EXAMPLES)
                .toList();
        for (EvaluationLine example : examples) {
            out.println();
            out.println(example.promptText());
            before.stream()
                    .filter(line -> line.sample() == 0 && line.prompt() == example.prompt())
                    .forEach(line -> out.println("  before  " + shown(line)));
            out.println("  after   " + shown(example));
        }
    }

    private static boolean isStrawberry(EvaluationLine line) {
        return line.promptText().contains("strawberry");
    }

    private static String shown(EvaluationLine line) {
        return line.text()
                + line.reward()
                        .map(r -> String.format(Locale.ROOT, "   (reward %.3g)", r))
                        .orElse("");
    }

    private static void row(
            PrintStream out,
            String name,
            List<EvaluationLine> before,
            List<EvaluationLine> after,
            Predicate<EvaluationLine> which) {
        OptionalDouble was = mean(before, which);
        OptionalDouble is = mean(after, which);
        if (was.isPresent() && is.isPresent()) {
            out.printf(Locale.ROOT, "%-28s %8.3f %8.3f%n", name, was.getAsDouble(), is.getAsDouble());
        }
    }

    private static OptionalDouble mean(List<EvaluationLine> lines, Predicate<EvaluationLine> which) {
        return lines.stream()
                .filter(which)
                .flatMap(line -> line.reward().stream())
                .mapToDouble(Double::doubleValue)
                .average();
    }
}
