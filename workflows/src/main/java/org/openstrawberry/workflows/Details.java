package org.openstrawberry.workflows;

import java.util.List;
import java.util.Locale;
import org.openstrawberry.workflows.steps.RunRef;

/** The run's current details, as the Temporal UI shows them: Markdown with the last iterations. */
final class Details {
    private static final int ROWS = 8;

    private Details() {}

    static String markdown(List<IterationMetrics> rows, RunRef run) {
        StringBuilder text = new StringBuilder("Run directory: `" + run.directory() + "`\n\n")
                .append("| iteration | loss | reward | held-out accuracy | KL |\n|---|---|---|---|---|\n");
        for (IterationMetrics row : rows.subList(Math.max(0, rows.size() - ROWS), rows.size())) {
            text.append("| ")
                    .append(row.iteration())
                    .append(cell(row, "loss"))
                    .append(cell(row, "objective/scores"))
                    .append(cell(row, "eval/accuracy"))
                    .append(cell(row, "objective/kl"))
                    .append(" |\n");
        }
        return text.toString();
    }

    private static String cell(IterationMetrics row, String name) {
        return " | "
                + row.value(name)
                        .map(value -> String.format(Locale.ROOT, "%.4f", value))
                        .orElse("");
    }
}
