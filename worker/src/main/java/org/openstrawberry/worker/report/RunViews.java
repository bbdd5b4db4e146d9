package org.openstrawberry.worker.report;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.openstrawberry.workflows.IterationMetrics;

/** Parts of the report by themselves, for a page that shows a run while it lives. */
public final class RunViews {
    private RunViews() {}

    /**
     * The curves of some rows, as the page's script draws them.
     *
     * @param rows in the order of iterations
     */
    public static ObjectNode curves(String name, List<IterationMetrics> rows) {
        return ChartData.of(Curves.of(List.of(new Curves.Source(name, rows))));
    }

    /** The figures that a run is known by. */
    public static List<Tile> figures(Path directory) {
        return Page.head(RunReading.of(directory)).tiles();
    }

    /** Answers to held-out prompts at the first and at the last evaluation. */
    public static Optional<Examples> examples(Path directory) {
        return Examples.of(RunReading.of(directory));
    }
}
