package org.openstrawberry.worker.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunFile.Difference;
import org.openstrawberry.workflows.IterationMetrics;

/**
 * What the page says, in its order. The template writes it down.
 *
 * @param state of the run, in a word
 * @param standing the same, in a sentence
 * @param heads of this run and of those that it is compared with
 * @param differences settings in which those differ from this one
 * @param trees thoughts of a few prompts; empty where the run is flat
 * @param changes settings that are not what the run was started with
 */
record Page(
        String name,
        String directory,
        String state,
        String standing,
        String written,
        List<Head> heads,
        List<Difference> differences,
        Evaluations evaluations,
        Optional<Examples> examples,
        LengthAndReward lengths,
        List<Trees.Tree> trees,
        Account account,
        Faults faults,
        List<Metric> metrics,
        String settings,
        List<RunSetup.Change> changes,
        List<Hashed> lineage,
        List<String> problems) {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm 'UTC'", Locale.ROOT).withZone(ZoneOffset.UTC);

    /** The figures that a run is known by. */
    record Head(String name, List<Tile> tiles) {}

    /** One of them. */
    record Tile(String what, String value, String note) {}

    /** A metric over the whole run. */
    record Metric(String name, String first, String last, String least, String most) {}

    static Page of(RunReading run, List<RunReading> others, Instant now) {
        List<Head> heads = new ArrayList<>();
        heads.add(head(run));
        others.forEach(other -> heads.add(head(other)));
        List<Difference> differences = new ArrayList<>();
        others.forEach(other -> differences.addAll(differences(other, run)));
        LengthAndReward lengths = LengthAndReward.of(run);
        List<Trees.Tree> trees = Trees.of(run);
        Evaluations evaluations = Evaluations.of(run);
        Optional<Examples> examples = Examples.of(run);
        Account account = Account.of(run);
        Faults faults = Faults.of(run);
        List<Hashed> lineage = Hashed.of(run);
        List<RunSetup.Change> changes = run.lines(RunLayout.CHANGES, RunSetup.Change.class);
        return new Page(
                run.spec().name(),
                run.directory().toString(),
                run.result().isPresent() ? "done" : "not finished",
                standing(run),
                TIME.format(now),
                heads,
                differences,
                evaluations,
                examples,
                lengths,
                trees,
                account,
                faults,
                metrics(run),
                run.yaml(),
                changes,
                lineage,
                run.problems());
    }

    /** Paths count by their place in the run directory, so that those of the same input don't differ. */
    private static List<Difference> differences(RunReading other, RunReading run) {
        String folder = "\"" + other.directory() + "/";
        return RunFile.differences(other.spec(), run.spec(), run.directory()).stream()
                .map(found -> new Difference(
                        found.key(),
                        found.here().startsWith(folder) ? "\"" + found.here().substring(folder.length()) : found.here(),
                        found.there()))
                .filter(found -> !found.here().equals(found.there()))
                .map(found -> new Difference(found.key(), found.here() + " (" + other.name() + ")", found.there()))
                .toList();
    }

    private static String standing(RunReading run) {
        int wanted = run.spec().until().iterations();
        return run.result()
                .map(result -> "Ended after iteration " + result.iteration() + ": " + result.reason() + ".")
                .orElseGet(() -> run.rows().isEmpty()
                        ? "No iteration is done yet."
                        : "Not finished: iteration " + run.iteration() + " of " + wanted + ", last written "
                                + lastWritten(run) + ". It may be running, or was stopped.");
    }

    private static String lastWritten(RunReading run) {
        Path metrics = run.directory().resolve(RunLayout.METRICS);
        try {
            return TIME.format(Files.getLastModifiedTime(metrics).toInstant());
        } catch (IOException e) {
            return "at an unknown time";
        }
    }

    private static Head head(RunReading run) {
        List<Tile> tiles = new ArrayList<>();
        Evaluations.result(run)
                .ifPresent(metric -> tiles.add(
                        fromTo("held-out " + Evaluations.name(metric), run.values(metric), "greedy answers")));
        List<Double> rewards = run.values("objective/scores");
        if (rewards.size() > 1) {
            int some = Math.max(1, rewards.size() / 10);
            tiles.add(new Tile(
                    "training reward",
                    Words.number(mean(rewards.subList(0, some))) + " → "
                            + Words.number(mean(rewards.subList(rewards.size() - some, rewards.size()))),
                    some == 1 ? "first and last iteration" : "mean of the first and last " + some + " iterations"));
        }
        List<Double> kl = run.values("objective/kl_initial");
        if (!kl.isEmpty()) {
            tiles.add(new Tile(
                    "KL to the first policy", Words.number(kl.get(kl.size() - 1)) + " nats", "held-out answers"));
        }
        List<Double> lengths = run.values("eval/mean_length");
        if (!lengths.isEmpty()) {
            tiles.add(fromTo("length of answers", lengths, "tokens, held-out"));
        }
        tiles.add(new Tile(
                "iterations",
                run.iteration() + " of " + run.spec().until().iterations(),
                Words.seconds(run.sum("time/iteration"))));
        tiles.add(new Tile(
                "tokens sampled",
                Words.number(run.sum("thoughts/tokens")),
                Words.count(run.sum("pairs/formed")) + " pairs learnt from"));
        Faults faults = Faults.of(run);
        if (faults.known()) {
            tiles.add(new Tile("faults survived", Words.count(faults.survived()), "restarts, retries, damaged files"));
        }
        return new Head(run.name(), tiles);
    }

    private static Tile fromTo(String what, List<Double> values, String note) {
        String last = Words.number(values.get(values.size() - 1));
        return new Tile(what, values.size() == 1 ? last : Words.number(values.get(0)) + " → " + last, note);
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
    }

    private static List<Metric> metrics(RunReading run) {
        Set<String> names = new LinkedHashSet<>();
        run.rows().stream().map(IterationMetrics::values).forEach(values -> names.addAll(values.keySet()));
        List<Metric> metrics = new ArrayList<>();
        for (String name : names) {
            List<Double> values = run.values(name);
            metrics.add(new Metric(
                    name,
                    Words.number(values.get(0)),
                    Words.number(values.get(values.size() - 1)),
                    Words.number(values.stream()
                            .mapToDouble(Double::doubleValue)
                            .min()
                            .orElse(Double.NaN)),
                    Words.number(values.stream()
                            .mapToDouble(Double::doubleValue)
                            .max()
                            .orElse(Double.NaN))));
        }
        return metrics;
    }
}
