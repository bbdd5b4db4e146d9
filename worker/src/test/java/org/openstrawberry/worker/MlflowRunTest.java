package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.worker.TrainCommandTest.Said;
import org.openstrawberry.worker.mlflow.FakeMlflow;

/** Runs that are logged to MLflow, by the command line. */
class MlflowRunTest {
    private final TinyRun run;

    MlflowRunTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    @Test
    void settingsAreParametersAndEveryIterationsMetricsAreThereOnceEvenWhenTheRunIsParted() throws IOException {
        try (FakeMlflow server = new FakeMlflow()) {
            assertThat(train(2, server.url()).err()).isEmpty();
            FakeMlflow.Run logged = only(server);
            assertThat(logged.name()).isEqualTo("letter-count");
            assertThat(server.experiments()).containsEntry(logged.experiment(), "strawberry");
            assertThat(logged.params())
                    .containsEntry("dpo.beta", "0.1")
                    .containsEntry("sampling.prompts", "6")
                    .containsEntry("reward.verifier.pattern", "[1=]");
            assertThat(logged.status()).isEqualTo("FINISHED");
            assertThat(logged.end()).isPositive();
            assertThat(logged.tags())
                    .containsEntry("strawberry.run", "letter-count")
                    .containsEntry("strawberry.directory", run.directory("run").toString())
                    .containsEntry("strawberry.logged", "2")
                    .containsKeys("strawberry.run_sha256", "strawberry.inputs", "strawberry.policy_sha256");
            assertThat(logged.tags().get("mlflow.note.content"))
                    .contains("letter-count")
                    .doesNotContain("---\n");

            assertThat(train(3, server.url()).err()).isEmpty();
            assertThat(only(server).metrics()).containsExactlyInAnyOrderElementsOf(expected(only(server)));
            assertThat(only(server).tags()).containsEntry("strawberry.logged", "3");
            assertThat(only(server).status()).isEqualTo("FINISHED");
            assertThat(server.refused()).isEmpty();
            assertThat(server.authorizations()).containsExactly("");
        }
    }

    @Test
    void aServerThatIsDownChangesNothingAndGetsAllOfItLater() throws IOException {
        int port;
        try (FakeMlflow server = new FakeMlflow()) {
            port = server.port();
        }
        Said down = train(2, "http://127.0.0.1:" + port);
        assertThat(down.code()).isZero();
        assertThat(down.err().lines().toList())
                .satisfiesExactly(
                        first ->
                                assertThat(first).contains("can't be logged to").contains("The run goes on"),
                        last -> assertThat(last).contains("lacks the last iterations"));

        try (FakeMlflow server = new FakeMlflow(port)) {
            Said again = train(2, server.url());
            assertThat(again.out()).contains("The run is finished");
            assertThat(again.err()).isEmpty();
            assertThat(only(server).metrics()).containsExactlyInAnyOrderElementsOf(expected(only(server)));
            assertThat(only(server).status()).isEqualTo("FINISHED");
        }
    }

    @Test
    void aRunThatFailsIsSaidToHave() throws IOException {
        try (FakeMlflow server = new FakeMlflow()) {
            Said said = train(2, server.url(), "optimizer.learning-rate=1.0e+39", "health=null");

            assertThat(said.code()).isEqualTo(Main.FAILED);
            assertThat(only(server).status()).isEqualTo("FAILED");
        }
    }

    @Test
    void anAddressThatIsNoneIsNamed() {
        Said said = train(2, "localhost:5000");

        assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(said.err()).contains("--mlflow: found \"localhost:5000\"").hasLineCount(1);
    }

    private Said train(int iterations, String url, String... settings) {
        String[] all = Stream.concat(
                        Stream.of("warmup=null", "evaluation.every=2", "until.iterations=" + iterations),
                        Arrays.stream(settings))
                .toArray(String[]::new);
        List<String> arguments = new ArrayList<>(run.train("run", all));
        arguments.addAll(List.of("--mlflow", url));
        return Said.by(arguments);
    }

    private static FakeMlflow.Run only(FakeMlflow server) {
        assertThat(server.runs()).hasSize(1);
        return server.runs().values().iterator().next();
    }

    /** Every value of metrics.jsonl, at the time that the server has for its iteration. */
    private List<JsonNode> expected(FakeMlflow.Run logged) throws IOException {
        ObjectMapper json = new ObjectMapper();
        Map<Integer, JsonNode> times = new java.util.HashMap<>();
        logged.metrics().forEach(metric -> times.put(metric.path("step").asInt(), metric.path("timestamp")));
        assertThat(new TreeSet<>(times.values().stream().map(JsonNode::asLong).toList()))
                .allMatch(time -> time > 0);
        List<JsonNode> expected = new ArrayList<>();
        for (String line : Files.readAllLines(run.directory("run").resolve("metrics.jsonl"))) {
            JsonNode row = json.readTree(line);
            int iteration = row.path("iteration").asInt();
            row.fields().forEachRemaining(field -> {
                if (!field.getKey().equals("iteration")) {
                    // Written and read once, so that equal numbers are equal nodes.
                    expected.add(json.createObjectNode()
                            .put("key", field.getKey())
                            .put("value", field.getValue().doubleValue())
                            .set("timestamp", times.getOrDefault(iteration, json.nullNode())));
                    ((com.fasterxml.jackson.databind.node.ObjectNode) expected.get(expected.size() - 1))
                            .put("step", iteration);
                }
            });
        }
        return expected;
    }
}
