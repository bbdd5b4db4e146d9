package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** The report: what it holds, that it needs nothing else, and what it makes of runs that are not whole. */
class ReportCommandTest {
    private static final Pattern LINKS = Pattern.compile("\\b(?:src|href)\\s*=\\s*\"([^\"]*)\"");
    private static final Pattern DATA =
            Pattern.compile("<script type=\"application/json\" id=\"data\">(.*?)</script>", Pattern.DOTALL);
    private static final int LARGEST = 3_000_000;

    private static Path shared = Path.of("");
    private static Said trained = new Said(-1, "", "");

    private final Path folder;

    ReportCommandTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @BeforeAll
    static void train(@TempDir Path directory) {
        shared = directory;
        TinyRun run = new TinyRun(shared);
        trained = Said.by(run.train("run", "until.iterations=4"));
    }

    @Test
    void aRunWritesItsReportByItself() throws IOException {
        Path report = shared.resolve("run/report.html");
        assertThat(trained.code()).isZero();
        assertThat(trained.out()).contains("report   " + report);

        assertThat(Files.readString(report))
                .contains("Ended after iteration 4: 4 iterations done.")
                .contains("Evaluations", "Before and after", "r in strawberry?", "Reward against length")
                .contains("Time and tokens", "pairs of equal reward (ties)", "thoughts without a reward")
                .contains("Faults survived", "restarts", "Settings", "max-new-tokens: 12", "Lineage")
                .contains(
                        Files.readString(shared.resolve("run/run.yaml.sha256")).split(" ")[0])
                .contains("input", "checkpoints/000000/policy.safetensors")
                .doesNotContain("What could not be read");
    }

    @Test
    void aReportIsOnePageThatLoadsNothing() throws IOException {
        String page = Files.readString(shared.resolve("run/report.html"));

        assertThat(page.getBytes(StandardCharsets.UTF_8).length).isLessThan(LARGEST);
        assertThat(LINKS.matcher(page).results().map(link -> link.group(1)))
                .isNotEmpty()
                .allMatch(link -> link.startsWith("#"));
        assertThat(page).contains("default-src 'none'").doesNotContain("@import", "url(");
    }

    @Test
    void everyCurveHasAValueOrAGapForEachIteration() throws IOException {
        JsonNode data = data(Files.readString(shared.resolve("run/report.html")));

        JsonNode columns = data.path("runs").get(0).path("columns");
        assertThat(columns.path("iteration")).hasSize(5);
        assertThat(columns).isNotEmpty().allMatch(column -> column.size() == 5);
        List<JsonNode> rows = new ArrayList<>();
        for (String line : Files.readAllLines(shared.resolve("run/metrics.jsonl"))) {
            rows.add(new ObjectMapper().readTree(line));
        }
        assertThat(columns.path("loss").get(0).isNull()).isTrue();
        assertThat(columns.path("objective/scores").get(4).asDouble())
                .isCloseTo(rows.get(4).path("objective/scores").asDouble(), offset(1e-4));
        assertThat(data.path("charts").findValuesAsText("id"))
                .contains("loss", "reward", "held-out", "margins", "kl", "length", "speed", "phases");
        assertThat(data.path("lengths")).isNotEmpty();
    }

    @Test
    void aRunThatIsNotOverHasAReportToo() throws IOException {
        Path run = copy();
        Files.delete(run.resolve("result.json"));
        Files.delete(run.resolve("iterations/000004/pairs.jsonl"));

        assertThat(report(run).code()).isZero();
        assertThat(Files.readString(run.resolve("report.html")))
                .contains("Not finished: iteration 4 of 4")
                .contains("Lineage");

        Files.delete(run.resolve("metrics.jsonl"));
        assertThat(report(run).code()).isZero();
        assertThat(Files.readString(run.resolve("report.html"))).contains("No iteration is done yet.");
    }

    @Test
    void damageIsToldAndTheRestIsShown() throws IOException {
        Path run = copy();
        truncate(run.resolve("metrics.jsonl"));
        Files.write(run.resolve("iterations/000001/scores-00.jsonl"), new byte[] {0, (byte) 0xff, '\n', '{', '\n'});
        Files.writeString(run.resolve("result.json"), "{\"iteration\":");
        Files.writeString(run.resolve("inputs.json"), "[]");
        Files.writeString(run.resolve("events.jsonl"), "{\"time\":\n");
        truncate(run.resolve("checkpoints/000000/state.json"));

        Said said = report(run);

        assertThat(said.err()).isEmpty();
        assertThat(said.code()).isZero();
        assertThat(Files.readString(run.resolve("report.html")))
                .contains("What could not be read")
                .contains("metrics.jsonl: 1 line can&#39;t be read")
                .contains("iterations/000001/scores-00.jsonl: 2 lines")
                .contains("result.json can&#39;t be read")
                .contains("checkpoints/000000/state.json can&#39;t be read")
                .contains("Before and after");
    }

    @Test
    void whatIsNoRunDirectoryIsRefusedInOneLine() throws IOException {
        Said empty = report(folder);
        assertThat(empty.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(empty.err()).contains("not a run directory").hasLineCount(1);

        Path run = copy();
        Files.writeString(run.resolve("run.yaml"), "name: [\n");
        Said broken = report(run);
        assertThat(broken.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(broken.err()).contains("run.yaml:").hasLineCount(1);
    }

    @Test
    void whatAPolicyWritesIsTextAndNeverMarkup() throws IOException {
        Path run = copy();
        Path answers = run.resolve("iterations/000004/evaluation.jsonl");
        String hostile = "</pre></script><script>alert(1)</script>{{ 6 * 7 }}{% for %}";
        Files.writeString(
                answers,
                Files.readString(answers)
                        .replaceFirst("\"text\":\"[^\"]*\"", Matcher.quoteReplacement("\"text\":\"" + hostile + "\"")));

        assertThat(report(run).code()).isZero();
        assertThat(Files.readString(run.resolve("report.html")))
                .contains("{{ 6 * 7 }}{% for %}", "&lt;script&gt;alert(1)")
                .doesNotContain("<script>alert(1)");
    }

    @Test
    void aLongRunHasASmallReport() throws IOException {
        Path run = copy();
        String row = Files.readAllLines(run.resolve("metrics.jsonl")).get(4);
        StringBuilder rows = new StringBuilder();
        for (int iteration = 0; iteration < 20_000; iteration++) {
            rows.append(row.replaceFirst("\"iteration\":4", "\"iteration\":" + iteration))
                    .append('\n');
        }
        Files.writeString(run.resolve("metrics.jsonl"), rows);

        assertThat(report(run).code()).isZero();
        assertThat(Files.size(run.resolve("report.html"))).isLessThan(LARGEST);
        JsonNode columns = data(Files.readString(run.resolve("report.html")))
                .path("runs")
                .get(0)
                .path("columns");
        assertThat(columns.path("loss").size()).isBetween(400, 800);
        assertThat(columns.path("iteration")
                        .get(columns.path("iteration").size() - 1)
                        .asInt())
                .isEqualTo(19_999);
    }

    @Test
    void runsAreComparedByTheirCurvesAndWhatTheyAreSetTo() throws IOException {
        Path other = copy();
        Path yaml = other.resolve("run.yaml");
        Files.writeString(yaml, Files.readString(yaml).replace("seed: 7", "seed: 8"));
        Path page = folder.resolve("pages/both.html");

        Said said = Said.by(List.of(
                "report", shared.resolve("run").toString(), "--compare", other.toString(), "-o", page.toString()));

        assertThat(said.err()).isEmpty();
        assertThat(said.out()).isEqualTo(page + "\n");
        String html = Files.readString(page);
        assertThat(data(html).path("runs").findValuesAsText("name")).containsExactly("run", "copy");
        Matcher differences = Pattern.compile("<section id=\"differences\">(.*?)</section>", Pattern.DOTALL)
                .matcher(html);
        assertThat(differences.find()).isTrue();
        assertThat(Pattern.compile("<code>(.*?)</code>")
                        .matcher(differences.group(1))
                        .results())
                .extracting(key -> key.group(1))
                .containsExactly("seed");
    }

    @Test
    void aReportThatCantBeWrittenIsSaidAndFailsNoRun() throws IOException {
        TinyRun run = new TinyRun(folder);
        Files.createDirectories(run.directory("run").resolve("report.html/in-the-way"));

        Said said = Said.by(run.train("run", "until.iterations=1"));

        assertThat(said.code()).isZero();
        assertThat(said.out()).contains("1 iterations done");
        assertThat(said.err()).contains("report   not written").hasLineCount(1);
        assertThat(run.directory("run").resolve("result.json")).exists();
    }

    @Test
    void restartsAreCounted() throws IOException {
        TinyRun run = new TinyRun(folder);
        Said.by(run.train("run", "until.iterations=1"));
        assertThat(restarts(run.directory("run"))).isEqualTo("0");

        Said.by(run.train("run", "until.iterations=2"));
        assertThat(restarts(run.directory("run"))).isEqualTo("1");
    }

    private static String restarts(Path run) throws IOException {
        return Pattern.compile("<td>restarts</td><td>(\\d+)</td>")
                .matcher(Files.readString(run.resolve("report.html")))
                .results()
                .map(MatchResult::group)
                .map(cells -> cells.replaceAll("<[^>]*>|restarts", ""))
                .findFirst()
                .orElse("");
    }

    private static Said report(Path run) {
        return Said.by(List.of("report", run.toString()));
    }

    private static JsonNode data(String page) throws IOException {
        Matcher data = DATA.matcher(page);
        assertThat(data.find()).isTrue();
        return new ObjectMapper().readTree(data.group(1));
    }

    /** The trained run once more, to be damaged. */
    private Path copy() throws IOException {
        Path copy = folder.resolve("copy");
        TinyRun.copy(shared.resolve("run"), copy);
        return copy;
    }

    private static void truncate(Path file) throws IOException {
        byte[] content = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(content, content.length - 20));
    }
}
