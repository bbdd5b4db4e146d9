package org.openstrawberry.activities.thoughts;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.function.Function;
import org.openstrawberry.activities.lines.EvaluationLine;

/** What a run's metrics say of the answers to the held-out prompts. */
final class EvaluationMetrics {
    static final String REWARD = "eval/reward";
    static final String JUDGE = "eval/judge";

    private EvaluationMetrics() {}

    /**
     * The metrics of an evaluation.
     *
     * @param lines its answers, in any order
     * @param first those of iteration 0; empty where they are not known
     * @param compared whether rewards are wins among a prompt's answers, whose mean says nothing
     */
    static Map<String, Double> of(List<EvaluationLine> lines, List<EvaluationLine> first, boolean compared) {
        List<EvaluationLine> greedy = greedy(lines);
        List<EvaluationLine> sampled =
                lines.stream().filter(line -> line.sample() > 0).toList();
        Map<String, Double> metrics = new LinkedHashMap<>();
        if (!compared) {
            boolean rightOrWrong =
                    lines.stream().flatMap(line -> line.reward().stream()).allMatch(r -> r == 0 || r == 1);
            if (rightOrWrong) {
                put(metrics, "eval/accuracy", mean(greedy, EvaluationLine::reward));
                put(metrics, "eval/accuracy_sampled", mean(sampled, EvaluationLine::reward));
            }
            put(metrics, REWARD, mean(greedy, EvaluationLine::reward));
        }
        metrics.put("eval/quarantined", count(lines, EvaluationLine::error));
        if (lines.stream().anyMatch(line -> line.judge().isPresent())) {
            put(metrics, JUDGE, mean(greedy, EvaluationLine::judge));
            put(metrics, "eval/judge_sampled", mean(sampled, EvaluationLine::judge));
            metrics.put("eval/judge_quarantined", count(lines, EvaluationLine::judgeError));
            Agreement agreement = Agreement.of(byPrompt(lines));
            if (agreement.pairs() > 0) {
                metrics.put("eval/agreement", agreement.concordant());
            }
            metrics.put("eval/agreement_pairs", (double) agreement.pairs());
        }
        double length = meanLength(greedy);
        metrics.put("eval/mean_length", length);
        if (!first.isEmpty()) {
            metrics.put("eval/length_ratio", length / meanLength(greedy(first)));
        }
        metrics.put(
                "eval/contain_eos_token",
                (double) greedy.stream().filter(EvaluationLine::ended).count() / greedy.size());
        put(metrics, "objective/kl_initial", mean(sampled, EvaluationLine::logRatio));
        return metrics;
    }

    private static List<EvaluationLine> greedy(List<EvaluationLine> lines) {
        return lines.stream().filter(line -> line.sample() == 0).toList();
    }

    private static Iterable<List<EvaluationLine>> byPrompt(List<EvaluationLine> lines) {
        Map<Integer, List<EvaluationLine>> byPrompt = new TreeMap<>();
        lines.stream()
                .sorted(Comparator.comparingInt(EvaluationLine::sample))
                .forEach(line -> byPrompt.computeIfAbsent(line.prompt(), any -> new ArrayList<>())
                        .add(line));
        return byPrompt.values();
    }

    private static void put(Map<String, Double> metrics, String name, OptionalDouble value) {
        value.ifPresent(found -> metrics.put(name, found));
    }

    private static OptionalDouble mean(List<EvaluationLine> lines, Function<EvaluationLine, Optional<Double>> of) {
        return lines.stream()
                .map(of)
                .flatMap(Optional::stream)
                .mapToDouble(Double::doubleValue)
                .average();
    }

    private static double meanLength(List<EvaluationLine> lines) {
        return lines.stream().mapToInt(EvaluationLine::tokens).average().orElse(0);
    }

    private static double count(List<EvaluationLine> lines, Function<EvaluationLine, Optional<String>> of) {
        return lines.stream().map(of).flatMap(Optional::stream).count();
    }
}
