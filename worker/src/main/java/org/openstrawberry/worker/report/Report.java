package org.openstrawberry.worker.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.RenderResult;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.workflows.RunResult;

/** Writes the report of a run: one HTML file of less than 3 MB that loads nothing. */
public final class Report {
    private static final ObjectMapper JSON =
            JsonMapper.builder().addModule(new Jdk8Module()).build();

    private static final JinjavaConfig TEMPLATES = JinjavaConfig.newBuilder()
            .withTrimBlocks(true)
            .withNestedInterpretationEnabled(false) // what a policy wrote is text, never template
            .withFailOnUnknownTokens(true)
            .withLegacyOverrides(LegacyOverrides.newBuilder()
                    .withUsePyishObjectMapper(true)
                    .withKeepNullableLoopValues(true)
                    .build())
            .build();

    private Report() {}

    /**
     * Writes a report, in one step.
     *
     * @param others run directories whose curves and settings are set beside the run's
     * @throws InvalidInputException if one of them is no run directory, or its settings can't be read
     */
    public static void write(Path run, List<Path> others, Path file) {
        String page = html(run, others, Instant.now());
        try {
            DurableFiles.replace(file, temporary -> Files.writeString(temporary, page));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes a run's own report into its directory. */
    public static Path write(Path run) {
        Path file = run.resolve(RunLayout.REPORT);
        write(run, List.of(), file);
        return file;
    }

    static String html(Path directory, List<Path> others, Instant now) {
        RunReading run = RunReading.of(directory);
        List<RunReading> compared = others.stream().map(RunReading::of).toList();
        List<RunReading> all = new ArrayList<>();
        all.add(run);
        all.addAll(compared);
        Page page = Page.of(run, compared, now);
        Map<String, Object> variables = variables(page);
        variables.put(
                "data",
                inScript(data(Curves.of(all.stream().map(RunReading::curve).toList()), page.lengths(), page.trees())));
        variables.put("style", PageFiles.STYLE.text() + PageFiles.TREES_STYLE.text());
        variables.put("charts_style", PageFiles.CHART_LIBRARY_STYLE.text());
        variables.put("charts_script", PageFiles.CHART_LIBRARY.text());
        variables.put("script", PageFiles.TREES.text() + PageFiles.CHARTS.text());
        return rendered("report.html", variables);
    }

    /**
     * The model card of a run that is over, as Markdown with the front matter that Hugging Face reads.
     *
     * @throws InvalidInputException if it is no run directory, or its settings can't be read
     */
    public static String card(Path directory) {
        RunReading run = RunReading.of(directory);
        Map<String, Object> variables = variables(Page.of(run, List.of(), Instant.EPOCH));
        variables.put("summary", JSON.convertValue(ModelCard.summary(run), Object.class));
        variables.put("notes", ModelCard.notes(run));
        variables.put("policy_sha256", run.result().map(RunResult::policySha256).orElse("unknown"));
        return rendered("card.md", variables);
    }

    private static Map<String, Object> variables(Page page) {
        Map<String, Object> variables = new LinkedHashMap<>(JSON.convertValue(page, new TypeReference<>() {}));
        variables.replaceAll((name, value) -> value == null ? false : value); // what is absent is known to be so
        return variables;
    }

    private static String rendered(String template, Map<String, Object> variables) {
        RenderResult result = new Jinjava(TEMPLATES).renderForResult(PageFiles.read(template), variables);
        if (!result.getErrors().isEmpty()) {
            throw new IllegalStateException(
                    template + " can't be rendered: " + result.getErrors().get(0));
        }
        return result.getOutput();
    }

    /** What the page's script draws. */
    private static ObjectNode data(Curves curves, LengthAndReward lengths, List<Trees.Tree> trees) {
        ObjectNode data = ChartData.of(curves);
        data.set("trees", JSON.valueToTree(trees));
        ArrayNode groups = data.putArray("lengths");
        for (LengthAndReward.Group group : lengths.groups()) {
            ObjectNode node = groups.addObject().put("name", group.name() + " (" + group.iterations() + ")");
            ArrayNode points = node.putArray("points");
            for (double[] point : group.points()) {
                ArrayNode pair = points.addArray();
                ChartData.add(pair, point[0]);
                ChartData.add(pair, point[1]);
            }
        }
        return data;
    }

    /** JSON that can't end the script that it stands in. */
    private static String inScript(ObjectNode data) {
        try {
            return JSON.writeValueAsString(data).replace("<", "\\u003c");
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("the curves can't be written as JSON", e);
        }
    }
}
