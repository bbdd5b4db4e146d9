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
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.workflows.RunResult;

/** Writes the report of a run: one HTML file of less than 3 MB that loads nothing. */
public final class Report {
    private static final ObjectMapper JSON =
            JsonMapper.builder().addModule(new Jdk8Module()).build();
    private static final MathContext DIGITS = new MathContext(5);
    private static final String CHARTS = "org.webjars.npm/uplot";

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
        variables.put("data", inScript(data(Curves.of(all), page.lengths(), page.trees())));
        variables.put("style", resource("page.css") + resource("trees.css"));
        variables.put("charts_style", chartLibrary("dist/uPlot.min.css"));
        variables.put("charts_script", chartLibrary("dist/uPlot.iife.min.js"));
        variables.put("script", resource("trees.js") + resource("charts.js"));
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
        RenderResult result = new Jinjava(TEMPLATES).renderForResult(resource(template), variables);
        if (!result.getErrors().isEmpty()) {
            throw new IllegalStateException(
                    template + " can't be rendered: " + result.getErrors().get(0));
        }
        return result.getOutput();
    }

    /** What the page's script draws. */
    private static ObjectNode data(Curves curves, LengthAndReward lengths, List<Trees.Tree> trees) {
        ObjectNode data = JSON.createObjectNode();
        ArrayNode runs = data.putArray("runs");
        for (Curves.Run run : curves.runs()) {
            ObjectNode node = runs.addObject().put("name", run.name()).put("perPoint", run.perPoint());
            ObjectNode columns = node.putObject("columns");
            run.columns().forEach((metric, values) -> {
                ArrayNode column = columns.putArray(metric);
                values.forEach(value -> add(column, value));
            });
        }
        data.set("charts", JSON.valueToTree(curves.charts()));
        data.set("trees", JSON.valueToTree(trees));
        ArrayNode groups = data.putArray("lengths");
        for (LengthAndReward.Group group : lengths.groups()) {
            ObjectNode node = groups.addObject().put("name", group.name() + " (" + group.iterations() + ")");
            ArrayNode points = node.putArray("points");
            for (double[] point : group.points()) {
                ArrayNode pair = points.addArray();
                add(pair, point[0]);
                add(pair, point[1]);
            }
        }
        return data;
    }

    private static void add(ArrayNode array, double value) {
        if (!Double.isFinite(value)) {
            array.addNull();
        } else if (value == Math.rint(value) && Math.abs(value) < 1e15) {
            array.add((long) value);
        } else {
            array.add(new BigDecimal(value).round(DIGITS).doubleValue());
        }
    }

    /** JSON that can't end the script that it stands in. */
    private static String inScript(ObjectNode data) {
        try {
            return JSON.writeValueAsString(data).replace("<", "\\u003c");
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("the curves can't be written as JSON", e);
        }
    }

    /** A file of the chart library's WebJar, whatever its version. */
    private static String chartLibrary(String file) {
        Properties jar = new Properties();
        try (InputStream in = open("/META-INF/maven/" + CHARTS + "/pom.properties")) {
            jar.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return read("/META-INF/resources/webjars/uplot/" + jar.getProperty("version") + "/" + file);
    }

    private static String resource(String name) {
        return read(name);
    }

    private static String read(String resource) {
        try (InputStream in = open(resource)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static InputStream open(String resource) {
        InputStream in = Report.class.getResourceAsStream(resource);
        if (in == null) {
            throw new IllegalStateException(resource + " is missing from the class path");
        }
        return in;
    }
}
