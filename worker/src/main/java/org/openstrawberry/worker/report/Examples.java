package org.openstrawberry.worker.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.activities.lines.EvaluationLine;
import org.openstrawberry.activities.store.RunLayout;

/**
 * Greedy answers to held-out prompts at the first and at the last evaluation.
 *
 * @param first iteration
 * @param last iteration
 */
public record Examples(int first, int last, int better, int same, int worse, List<Example> shown) {
    private static final int SHOWN_BETTER = 6;
    private static final int SHOWN_OTHERS = 3;
    private static final int LONGEST_TEXT = 2_000;

    /** @param change better, same or worse by the reward */
    public record Example(String change, String prompt, Answer before, Answer after) {}

    /** @param reward in words; empty where there is none */
    public record Answer(String text, String reward, boolean ended) {}

    static Optional<Examples> of(RunReading run) {
        List<Integer> evaluated = run.iterationsWith(RunLayout::evaluation);
        if (evaluated.isEmpty()) {
            return Optional.empty();
        }
        int first = evaluated.get(0);
        int last = evaluated.get(evaluated.size() - 1);
        Map<Integer, EvaluationLine> before = greedy(run, first);
        List<Example> all = new ArrayList<>();
        greedy(run, last).forEach((prompt, after) -> {
            EvaluationLine was = before.get(prompt);
            if (was != null) {
                all.add(new Example(change(was, after), cut(after.promptText()), answer(was), answer(after)));
            }
        });
        List<Example> better = of(all, "better");
        List<Example> same = of(all, "same");
        List<Example> worse = of(all, "worse");
        List<Example> shown = new ArrayList<>();
        shown.addAll(better.subList(0, Math.min(SHOWN_BETTER, better.size())));
        shown.addAll(worse.subList(0, Math.min(SHOWN_OTHERS, worse.size())));
        shown.addAll(same.subList(0, Math.min(SHOWN_OTHERS, same.size())));
        return Optional.of(new Examples(first, last, better.size(), same.size(), worse.size(), shown))
                .filter(examples -> !examples.shown().isEmpty());
    }

    private static Map<Integer, EvaluationLine> greedy(RunReading run, int iteration) {
        Map<Integer, EvaluationLine> lines = new LinkedHashMap<>();
        run.lines(RunLayout.evaluation(iteration), EvaluationLine.class).stream()
                .filter(line -> line.sample() == 0)
                .sorted(Comparator.comparingInt(EvaluationLine::prompt))
                .forEach(line -> lines.put(line.prompt(), line));
        return lines;
    }

    private static List<Example> of(List<Example> all, String change) {
        return all.stream()
                .filter(example -> example.change().equals(change))
                // One that people know the demo by comes first.
                .sorted(Comparator.comparing(example -> !example.prompt().contains("strawberry")))
                .toList();
    }

    private static String change(EvaluationLine before, EvaluationLine after) {
        int order = Double.compare(score(after) - score(before), 0.0);
        return order > 0 ? "better" : order < 0 ? "worse" : "same";
    }

    /** Of one without a score nothing is said. */
    private static double score(EvaluationLine line) {
        return line.judge().or(line::reward).orElse(0.0);
    }

    private static Answer answer(EvaluationLine line) {
        String reward = line.judge()
                .map(judge -> "judge " + Words.number(judge))
                .or(() -> line.reward().map(value -> "reward " + Words.number(value)))
                .orElse(line.error().map(error -> "no reward: " + cut(error)).orElse(""));
        return new Answer(cut(line.text()), reward, line.ended());
    }

    private static String cut(String text) {
        return text.length() <= LONGEST_TEXT ? text : text.substring(0, LONGEST_TEXT) + " […]";
    }
}
