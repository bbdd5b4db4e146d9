package org.openstrawberry.worker.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.openstrawberry.workflows.IterationMetrics;

/**
 * What the page draws: a column for each metric, and which of them belong into one chart.
 *
 * @param runs the first is the report's own
 */
record Curves(List<Run> runs, List<Chart> charts) {
    private static final int MOST_POINTS = 800;
    private static final String PHASES = "phase/seconds/";

    /**
     * A run's metrics by column.
     *
     * @param perPoint iterations that a point is the mean of
     * @param columns values by metric, null where an iteration has none; {@code iteration} is one of them
     */
    record Run(String name, int perPoint, Map<String, List<Double>> columns) {}

    /**
     * A chart of metrics with one axis.
     *
     * @param stacked whether the values are parts of a whole
     * @param keys metrics, with what they are called in the chart
     */
    record Chart(String id, String title, String unit, boolean stacked, Map<String, String> keys) {}

    /** A run's rows, before they are columns. */
    record Source(String name, List<IterationMetrics> rows) {}

    static Curves of(List<Source> runs) {
        Set<String> known = new LinkedHashSet<>();
        runs.forEach(run -> run.rows().forEach(row -> known.addAll(row.values().keySet())));
        return new Curves(runs.stream().map(Curves::columns).toList(), charts(known));
    }

    private static List<Chart> charts(Set<String> known) {
        List<Chart> wanted = List.of(
                chart("loss", "Loss", "", "loss", "loss"),
                chart("reward", "Reward of the sampled thoughts", "", "objective/scores", "mean reward"),
                chart(
                        "held-out",
                        "Held-out answers",
                        "",
                        "eval/accuracy",
                        "greedy accuracy",
                        "eval/accuracy_sampled",
                        "sampled accuracy"),
                // Where the reward is right or wrong, its mean is the accuracy.
                known.contains("eval/accuracy")
                        ? chart(
                                "judge",
                                "Held-out judge",
                                "",
                                "eval/judge",
                                "judge, greedy",
                                "eval/judge_sampled",
                                "judge, sampled")
                        : chart(
                                "held-out-reward",
                                "Held-out reward",
                                "",
                                "eval/reward",
                                "reward, greedy",
                                "eval/judge",
                                "judge, greedy",
                                "eval/judge_sampled",
                                "judge, sampled"),
                chart(
                        "margins",
                        "Implicit rewards of the pairs",
                        "",
                        "rewards/margins",
                        "margin",
                        "rewards/chosen",
                        "chosen",
                        "rewards/rejected",
                        "rejected"),
                chart(
                        "pair-accuracy",
                        "Preference accuracy",
                        "",
                        "rewards/accuracies",
                        "pairs that the policy orders as the reward"),
                chart(
                        "kl",
                        "KL divergence",
                        "nats",
                        "objective/kl",
                        "to the reference",
                        "objective/kl_initial",
                        "to the first policy"),
                chart("entropy", "Entropy", "nats", "objective/entropy", "entropy"),
                chart(
                        "length",
                        "Length",
                        "tokens",
                        "thoughts/mean_length",
                        "thoughts",
                        "eval/mean_length",
                        "held-out answers"),
                chart(
                        "ended",
                        "Share that ended by itself",
                        "",
                        "val/contain_eos_token",
                        "thoughts",
                        "eval/contain_eos_token",
                        "held-out answers"),
                chart(
                        "logps",
                        "Log-probabilities of the pairs",
                        "nats",
                        "logps/chosen",
                        "chosen",
                        "logps/rejected",
                        "rejected"),
                chart(
                        "pairs",
                        "Pairs an iteration",
                        "",
                        "pairs/formed",
                        "formed",
                        "pairs/tied",
                        "tied",
                        "thoughts/quarantined",
                        "thoughts without reward"),
                chart("speed", "Speed of writing", "tokens/s", "thoughts/tokens_per_second", "tokens a second"),
                chart("gradient", "Norm of the gradient", "", "grad_norm", "norm before clipping"),
                chart("learning-rate", "Learning rate", "", "learning_rate", "learning rate"));
        List<Chart> charts = new ArrayList<>();
        for (Chart chart : wanted) {
            Map<String, String> there = new LinkedHashMap<>(chart.keys());
            there.keySet().retainAll(known);
            if (!there.isEmpty()) {
                charts.add(new Chart(chart.id(), chart.title(), chart.unit(), false, there));
            }
        }
        Map<String, String> phases = new LinkedHashMap<>();
        known.stream().filter(key -> key.startsWith(PHASES)).forEach(key -> phases.put(key, phase(key)));
        if (!phases.isEmpty()) {
            charts.add(new Chart("phases", "Seconds by phase", "s", true, phases));
        }
        return charts;
    }

    static boolean isPhase(String metric) {
        return metric.startsWith(PHASES);
    }

    static String phase(String metric) {
        return metric.substring(PHASES.length());
    }

    private static Chart chart(String id, String title, String unit, String... keys) {
        Map<String, String> named = new LinkedHashMap<>();
        for (int i = 0; i < keys.length; i += 2) {
            named.put(keys[i], keys[i + 1]);
        }
        return new Chart(id, title, unit, false, named);
    }

    private static Run columns(Source run) {
        List<IterationMetrics> rows = run.rows();
        int perPoint = Math.max(1, (rows.size() + MOST_POINTS - 1) / MOST_POINTS);
        Set<String> keys = new LinkedHashSet<>();
        rows.forEach(row -> keys.addAll(row.values().keySet()));
        Map<String, List<Double>> columns = new LinkedHashMap<>();
        columns.put("iteration", new ArrayList<>());
        keys.forEach(key -> columns.put(key, new ArrayList<>()));
        for (int from = 0; from < rows.size(); from += perPoint) {
            List<IterationMetrics> point = rows.subList(from, Math.min(rows.size(), from + perPoint));
            columns.forEach((key, column) -> column.add(
                    key.equals("iteration")
                            ? (double) point.get(point.size() - 1).iteration()
                            : mean(point.stream().flatMap(row -> row.value(key).stream()))));
        }
        return new Run(run.name(), perPoint, columns);
    }

    private static double mean(Stream<Double> values) {
        return values.mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
    }
}
