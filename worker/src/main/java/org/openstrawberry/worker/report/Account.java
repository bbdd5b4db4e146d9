package org.openstrawberry.worker.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.store.EventLog;
import org.openstrawberry.activities.store.RunLayout;

/** Where a run's time and tokens went, and which of its sequences taught nothing. */
record Account(List<Item> time, List<Item> tokens, List<Item> losses) {
    /** Seconds that are worth a line. */
    private static final double SHORTEST = 0.005;

    private static final int FILES = 400;
    private static final long BYTES = 32L << 20;

    /**
     * A line of the account.
     *
     * @param share of the whole, in percent, for a bar; negative for a line that is no part of it
     */
    record Item(String what, String value, double share, String note) {}

    /** The parts of a pair that are wanted here. */
    record LearntFrom(int[] chosenIds, int[] rejectedIds) {}

    /** The part of an answer that is wanted here. */
    record Answered(int tokens) {}

    static Account of(RunReading run) {
        return new Account(time(run), tokens(run), losses(run));
    }

    private static List<Item> time(RunReading run) {
        double whole = run.sum("time/iteration");
        List<Item> items = new ArrayList<>();
        Set<String> phases = new LinkedHashSet<>();
        run.rows()
                .forEach(row ->
                        row.values().keySet().stream().filter(Curves::isPhase).forEach(phases::add));
        List<String> longestFirst = phases.stream()
                .sorted(Comparator.comparingDouble(phase -> -run.sum(phase)))
                .toList();
        for (String phase : longestFirst) {
            double seconds = run.sum(phase);
            if (seconds >= SHORTEST) {
                items.add(new Item(Curves.phase(phase), Words.seconds(seconds), percent(seconds, whole), ""));
            }
        }
        if (whole > 0) {
            items.add(new Item("all iterations", Words.seconds(whole), -1, ""));
            double model = run.sum("time/model");
            items.add(new Item(
                    "of that, the model at work",
                    Words.seconds(model),
                    percent(model, whole),
                    "writing, the step and evaluations; the rest is rewards, files and the workflow"));
        }
        elapsed(run)
                .ifPresent(seconds -> items.add(new Item(
                        "from the first start to the last iteration",
                        Words.seconds(seconds),
                        -1,
                        "with the warm-up, pauses and what faults cost")));
        return items;
    }

    private static Optional<Double> elapsed(RunReading run) {
        List<EventLog.Event> events = new EventLog(run.directory()).events();
        Path last = run.directory().resolve(RunLayout.iterationRecord(run.iteration()));
        if (events.isEmpty() || !Files.exists(last)) {
            return Optional.empty();
        }
        try {
            Instant end = Files.getLastModifiedTime(last).toInstant();
            return Optional.of(Duration.between(Instant.parse(events.get(0).time()), end)
                                    .toMillis()
                            / 1000.0)
                    .filter(seconds -> seconds > 0);
        } catch (IOException | RuntimeException e) {
            return Optional.empty(); // a time that can't be read is no reason to have no report
        }
    }

    private static List<Item> tokens(RunReading run) {
        double written = run.sum("thoughts/tokens");
        double sequences = sequences(run);
        List<Item> items = new ArrayList<>();
        items.add(new Item("sampled to learn from", Words.count(written), -1, Words.count(sequences) + " thoughts"));
        double seconds = run.sum("phase/seconds/generate");
        if (seconds > 0) {
            items.add(new Item("a second, while sampling", Words.count(written / seconds), -1, ""));
        }
        items.add(counted(
                run,
                "learnt from",
                Words.count(run.sum("pairs/formed")) + " pairs",
                run.iterationsWith(RunLayout::pairs).stream()
                        .map(RunLayout::pairs)
                        .toList(),
                LearntFrom.class,
                pair -> length(pair.chosenIds()) + length(pair.rejectedIds())));
        List<Integer> evaluated = run.iterationsWith(RunLayout::evaluation);
        items.add(counted(
                run,
                "answered to held-out prompts",
                evaluated.size() == 1 ? "1 evaluation" : evaluated.size() + " evaluations",
                evaluated.stream().map(RunLayout::evaluation).toList(),
                Answered.class,
                Answered::tokens));
        return items;
    }

    private static long length(int @Nullable [] ids) {
        return ids == null ? 0 : ids.length;
    }

    private static <T> Item counted(
            RunReading run, String what, String note, List<String> files, Class<T> type, ToLongFunction<T> tokens) {
        Spread<String> some = Spread.of(files, FILES, BYTES, run::size);
        long found = 0;
        for (String file : some.members()) {
            found += run.lines(file, type).stream().mapToLong(tokens).sum();
        }
        return new Item(
                what,
                (some.isWhole() ? "" : "about ") + Words.count(found * some.factor()),
                -1,
                files.isEmpty() ? "" : note);
    }

    private static double sequences(RunReading run) {
        return run.rows().stream().mapToDouble(RunReading::sequences).sum();
    }

    /** What was sampled or paired and not learnt from. */
    private static List<Item> losses(RunReading run) {
        double tied = run.sum("pairs/tied");
        double identical = run.sum("pairs/identical");
        double below = run.sum("pairs/below_margin");
        double pairs = run.sum("pairs/formed") + run.sum("pairs/over_limit") + tied + identical + below;
        double sequences = sequences(run);
        double prompts =
                (double) run.rows().stream().filter(row -> row.iteration() > 0).count()
                        * run.spec().sampling().prompts();
        List<Item> items = new ArrayList<>();
        items.add(loss("pairs of equal reward (ties)", tied, pairs, "not trained on"));
        items.add(loss("pairs of identical texts", identical, pairs, "not trained on"));
        items.add(loss(
                "thoughts without a reward", run.sum("thoughts/quarantined"), sequences, "quarantined after retries"));
        items.add(loss("prompts without a quorum", run.sum("pairs/skipped_prompts"), prompts, "skipped"));
        addWhereAny(items, loss("pairs below the margin", below, pairs, "not trained on"));
        addWhereAny(items, loss("pairs over the limit", run.sum("pairs/over_limit"), pairs, "not trained on"));
        addWhereAny(items, loss("duplicate thoughts", run.sum("pairs/duplicates"), sequences, "not paired"));
        run.mean("val/contain_eos_token")
                .ifPresent(ended -> items.add(new Item(
                        "thoughts cut off at max-new-tokens",
                        Words.count((1 - ended) * sequences),
                        100 * (1 - ended),
                        "mean share of an iteration")));
        return items;
    }

    private static Item loss(String what, double count, double of, String note) {
        return new Item(what, Words.count(count), percent(count, of), note);
    }

    private static void addWhereAny(List<Item> items, Item item) {
        if (item.share() > 0) {
            items.add(item);
        }
    }

    private static double percent(double part, double whole) {
        return whole > 0 ? 100 * part / whole : 0;
    }
}
