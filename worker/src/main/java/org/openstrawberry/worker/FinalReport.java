package org.openstrawberry.worker;

import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.openstrawberry.activities.lines.EvaluationLine;
import org.openstrawberry.activities.run.IterationRecord;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.worker.report.HealthWarnings;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.RunResult;

/** What a finished run prints: held-out results before and after, three examples, and where things lie. */
final class FinalReport {
    private static final int EXAMPLES = 3;

    /** What tells of a reward that is gamed, beside the texts: metrics and what they are called here. */
    private static final List<Map.Entry<String, String>> DRIFT = List.of(
            Map.entry("eval/agreement", "reward agrees with judge"),
            Map.entry("objective/kl_initial", "KL to the first policy"),
            Map.entry("eval/mean_length", "mean length in tokens"),
            Map.entry("eval/contain_eos_token", "share that ended"));

    private FinalReport() {}

    static void print(PrintStream out, Path directory, RunResult result) {
        out.println("Done after " + result.iteration() + " iterations: " + result.reason() + ".");
        Path before = directory.resolve(RunLayout.evaluation(0));
        Path after = directory.resolve(RunLayout.evaluation(result.iteration()));
        if (Files.exists(before) && Files.exists(after)) {
            List<EvaluationLine> answers = Json.readLines(after, EvaluationLine.class);
            List<EvaluationLine> first = Json.readLines(before, EvaluationLine.class);
            heldOut(out, first, answers);
            drift(out, metrics(directory, 0), metrics(directory, result.iteration()));
            examples(out, first, answers);
        }
        List<IterationMetrics> rows = rows(directory, result.iteration());
        idle(out, rows);
        if (!rows.isEmpty()) {
            warnings(out, directory, result, rows);
        }
        out.println();
        out.println("policy   " + directory.resolve(result.policy()));
        out.println("metrics  " + directory.resolve(RunLayout.METRICS));
        out.println("log      " + directory.resolve(RunLayout.LOG));
    }

    /** How much of the time the process with the policy had nothing to compute; what came before its first step isn't told. */
    private static void idle(PrintStream out, List<IterationMetrics> rows) {
        double idle = 0;
        double time = 0;
        for (IterationMetrics row : rows) {
            if (row.value("phase/idle").isPresent()) {
                idle += row.value("phase/idle").get();
                time += row.value("time/iteration").orElse(0.0);
            }
        }
        if (time > 0) {
            out.println();
            out.printf(
                    Locale.ROOT,
                    "trainer idle %.1f s of %.1f s (%.0f %%), waiting for thoughts or rewards%n",
                    idle,
                    time,
                    100 * idle / time);
        }
    }

    private static void heldOut(PrintStream out, List<EvaluationLine> before, List<EvaluationLine> after) {
        out.println();
        out.printf(Locale.ROOT, "%-28s %8s %8s%n", "held-out mean reward", "before", "after");
        row(out, "greedy", before, after, line -> line.sample() == 0, EvaluationLine::reward);
        row(out, "sampled at temperature 1", before, after, line -> line.sample() > 0, EvaluationLine::reward);
        row(out, "judge: greedy", before, after, line -> line.sample() == 0, EvaluationLine::judge);
        row(out, "judge: sampled", before, after, line -> line.sample() > 0, EvaluationLine::judge);
    }

    private static void examples(PrintStream out, List<EvaluationLine> before, List<EvaluationLine> after) {
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

    private static IterationMetrics metrics(Path directory, int iteration) {
        return Json.read(directory.resolve(RunLayout.iterationRecord(iteration)), IterationRecord.class)
                .metrics();
    }

    /** Of all iterations but 0, as far as this machine can read them: the run may live on others. */
    private static List<IterationMetrics> rows(Path directory, int last) {
        return IntStream.rangeClosed(1, last)
                .filter(iteration -> Files.exists(directory.resolve(RunLayout.iterationRecord(iteration))))
                .mapToObj(iteration -> metrics(directory, iteration))
                .toList();
    }

    private static void drift(PrintStream out, IterationMetrics before, IterationMetrics after) {
        DRIFT.forEach(metric -> before.value(metric.getKey())
                .ifPresent(was -> after.value(metric.getKey())
                        .ifPresent(is -> out.printf(Locale.ROOT, "%-28s %8.3f %8.3f%n", metric.getValue(), was, is))));
    }

    private static void warnings(PrintStream out, Path directory, RunResult result, List<IterationMetrics> rows) {
        for (HealthWarnings.Warning warning : HealthWarnings.of(new Run(directory).spec(), directory, rows)) {
            out.println();
            out.println(TerminalText.wrapped("warning in " + warning.iterations() + " of " + result.iteration()
                    + " iterations, first in " + warning.first() + ": " + warning.words()));
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
            Predicate<EvaluationLine> which,
            Function<EvaluationLine, Optional<Double>> score) {
        OptionalDouble was = mean(before, which, score);
        OptionalDouble is = mean(after, which, score);
        if (was.isPresent() && is.isPresent()) {
            out.printf(Locale.ROOT, "%-28s %8.3f %8.3f%n", name, was.getAsDouble(), is.getAsDouble());
        }
    }

    private static OptionalDouble mean(
            List<EvaluationLine> lines,
            Predicate<EvaluationLine> which,
            Function<EvaluationLine, Optional<Double>> score) {
        return lines.stream()
                .filter(which)
                .map(score)
                .flatMap(Optional::stream)
                .mapToDouble(Double::doubleValue)
                .average();
    }
}
