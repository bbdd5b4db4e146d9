package org.openstrawberry.worker.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.workflows.IterationMetrics;

/**
 * The evaluations as a table.
 *
 * @param columns what is measured, in words
 * @param left evaluations that the table leaves out, being evenly spread over them
 */
record Evaluations(List<String> columns, List<Row> rows, int left) {
    private static final int MOST_ROWS = 60;

    private static final Map<String, String> MEASURES = measures();

    /** @param best whether its held-out result is the best of all, and the first of those */
    record Row(int iteration, boolean best, List<String> cells) {}

    private static Map<String, String> measures() {
        Map<String, String> measures = new LinkedHashMap<>();
        measures.put("eval/judge", "judge");
        measures.put("eval/judge_sampled", "judge, sampled");
        measures.put("eval/accuracy", "accuracy");
        measures.put("eval/accuracy_sampled", "accuracy, sampled");
        measures.put("eval/reward", "reward");
        measures.put("eval/agreement", "reward agrees with judge");
        measures.put("objective/kl_initial", "KL to first policy");
        measures.put("eval/mean_length", "mean length");
        measures.put("eval/length_ratio", "length ×");
        measures.put("eval/contain_eos_token", "ended");
        measures.put("eval/quarantined", "without reward");
        return measures;
    }

    /** The metric by which evaluations of the run are compared, if it has any. */
    static Optional<String> result(RunReading run) {
        return List.of("eval/judge", "eval/accuracy", "eval/reward").stream()
                .filter(metric -> !run.values(metric).isEmpty())
                .findFirst();
    }

    /** What a metric is called for people. */
    static String name(String metric) {
        return MEASURES.getOrDefault(metric, metric);
    }

    static Evaluations of(RunReading run) {
        List<IterationMetrics> evaluated = run.rows().stream()
                .filter(row -> row.value("eval/mean_length").isPresent())
                .toList();
        List<String> metrics = MEASURES.keySet().stream()
                .filter(metric -> !run.values(metric).isEmpty())
                // The mean of a reward that says right or wrong is the accuracy.
                .filter(metric -> !metric.equals("eval/reward")
                        || run.values("eval/accuracy").isEmpty())
                .toList();
        int best = best(run, evaluated);
        List<IterationMetrics> shown = Spread.of(evaluated, MOST_ROWS).members();
        List<Row> rows = new ArrayList<>();
        for (IterationMetrics row : shown) {
            rows.add(new Row(
                    row.iteration(),
                    row.iteration() == best,
                    metrics.stream()
                            .map(metric -> row.value(metric).map(Words::number).orElse("–"))
                            .toList()));
        }
        return new Evaluations(metrics.stream().map(Evaluations::name).toList(), rows, evaluated.size() - shown.size());
    }

    private static int best(RunReading run, List<IterationMetrics> evaluated) {
        double most = Double.NEGATIVE_INFINITY;
        int best = -1;
        Optional<String> result = result(run);
        for (IterationMetrics row : evaluated) {
            double value = result.flatMap(row::value).orElse(Double.NEGATIVE_INFINITY);
            if (value > most) {
                most = value;
                best = row.iteration();
            }
        }
        return best;
    }
}
