package org.openstrawberry.workflows;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.openstrawberry.workflows.SweepResults.TrialResult;
import org.openstrawberry.workflows.steps.RunRef;

/** Current details as the Temporal UI shows them, in Markdown: a run's last iterations, a sweep's best trials. */
final class Details {
    private static final int ROWS = 8;

    private Details() {}

    static String markdown(List<IterationMetrics> rows, RunRef run) {
        StringBuilder text = new StringBuilder("Run directory: `" + run.directory() + "`\n\n")
                .append(
                        "| iteration | loss | reward | held-out result | KL | KL to the start |\n|---|---|---|---|---|---|\n");
        for (IterationMetrics row : rows.subList(Math.max(0, rows.size() - ROWS), rows.size())) {
            text.append("| ")
                    .append(row.iteration())
                    .append(cell(row.value("loss")))
                    .append(cell(row.value("objective/scores")))
                    .append(cell(heldOut(row)))
                    .append(cell(row.value("objective/kl")))
                    .append(cell(row.value("objective/kl_initial")))
                    .append(" |\n");
        }
        return text.toString();
    }

    static String markdown(SweepResults results, SweepInput input) {
        StringBuilder text = new StringBuilder("Sweep directory: `" + input.directory() + "`\n\n| trial | settings | "
                + "iterations | " + results.measure().written() + " | state |\n|---|---|---|---|---|\n");
        for (TrialResult trial :
                results.trials().subList(0, Math.min(ROWS, results.trials().size()))) {
            text.append("| ")
                    .append(trial.trial())
                    .append(" | ")
                    .append(trial.settings())
                    .append(" | ")
                    .append(trial.iterations())
                    .append(" | ")
                    .append(trial.value().map(Details::number).orElse(""))
                    .append(" | ")
                    .append(trial.state().written())
                    .append(" |\n");
        }
        return text.toString();
    }

    /** What stopping rules and the choice of the best go by. */
    private static Optional<Double> heldOut(IterationMetrics row) {
        return row.value("eval/judge").or(() -> row.value("eval/accuracy")).or(() -> row.value("eval/reward"));
    }

    private static String cell(Optional<Double> value) {
        return " | " + value.map(Details::number).orElse("");
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }
}
