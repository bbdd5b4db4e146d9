package org.openstrawberry.activities.prompts;

import java.util.List;
import java.util.stream.IntStream;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.prompts.EpochOrder.Draw;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.PromptActivities;
import org.openstrawberry.workflows.steps.PromptBatch;

/** Draws an iteration's prompts and writes them down with their tokens. */
public final class PromptSteps implements PromptActivities {
    private final Runs runs;

    public PromptSteps(Runs runs) {
        this.runs = runs;
    }

    @Override
    public PromptBatch samplePrompts(PromptRequest request) {
        Run run = runs.open(request.run());
        String path = RunLayout.prompts(request.iteration());
        ArtifactRef artifact =
                run.store().once(path, out -> Json.lines(draw(run, request)).write(out));
        return new PromptBatch(request.iteration(), artifact, request.prompts());
    }

    private static List<PromptLine> draw(Run run, PromptRequest request) {
        List<PromptRow> rows = run.prompts();
        EpochOrder order = new EpochOrder(rows.size(), run.spec().seed(), "prompts");
        long first = (request.iteration() - 1L) * request.prompts();
        return IntStream.range(0, request.prompts())
                .mapToObj(number -> {
                    Draw draw = order.at(first + number);
                    PromptRow row = rows.get(draw.row());
                    return new PromptLine(
                            request.iteration(),
                            number,
                            row.row(),
                            draw.epoch(),
                            row.prompt(),
                            run.promptIds(row),
                            row.fields());
                })
                .toList();
    }
}
