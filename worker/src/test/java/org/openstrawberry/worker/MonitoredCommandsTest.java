package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** What the commands beside {@code train} tell other programs while they work. */
class MonitoredCommandsTest {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    private final TinyRun run;
    private final Path folder;
    private final int port = MonitoringPrograms.freePort();

    MonitoredCommandsTest(@TempDir Path folder) {
        this.folder = folder;
        run = new TinyRun(folder);
    }

    @Test
    void aRewardModelsTrainingIsServedAndLogged() throws Exception {
        CompletableFuture<Said> training = began(rewardTraining(
                "--metrics", Integer.toString(port), "--log-json", "--set", "steps=80", "--set", "checkpoint-every=2"));

        String metrics = scrapedUntil("strawberry_reward_training_loss{run=\"reward\"}", training);
        assertThat(metrics)
                .contains("strawberry_reward_training_steps{run=\"reward\"} 80.0")
                .containsPattern("strawberry_reward_training_step\\{run=\"reward\"} [1-9]")
                .contains("strawberry_run_state{run=\"reward\",state=\"running\"} 1.0")
                .contains("phase=\"rewardmodeladvance\"")
                .contains("process_resident_memory_bytes");
        assertThat(training.get().code()).as(training.get().err()).isZero();
        assertThat(logged(folder.resolve("reward"))).anySatisfy(line -> {
            assertThat(line.path("mdc").path("run").asText()).isEqualTo("reward");
            assertThat(line.path("mdc").path("phase").asText()).isEqualTo("rewardmodeladvance");
        });
    }

    @Test
    void eachTrialOfASweepIsServedAndLogged() throws Exception {
        CompletableFuture<Said> sweep = began(sweep("--metrics", Integer.toString(port), "--log-json"));

        String metrics = scrapedUntil("strawberry_loss{run=\"swept-01\"}", sweep);
        assertThat(metrics)
                .contains("strawberry_loss{run=\"swept-00\"}")
                .containsPattern("temporal_\\w+")
                .contains("strawberry_phase_seconds_count{phase=\"dpostep\",role=\"trainer\",run=\"swept-00\"}");
        assertThat(sweep.get().code()).as(sweep.get().err()).isZero();
        assertThat(logged(folder.resolve("swept")))
                .anySatisfy(line ->
                        assertThat(line.path("mdc").path("run").asText()).isEqualTo("swept-01"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"--metrics 9464", "--otlp http://127.0.0.1:9", "--log-json"})
    void optionsWithoutEffectAreRefused(String option) throws IOException {
        for (List<String> command : List.of(
                sweep((option + " --server 127.0.0.1:1").split(" ")),
                rewardTraining((option + " --server 127.0.0.1:1").split(" ")))) {
            Said said = Said.by(command);
            assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
            assertThat(said.err())
                    .startsWith(option.split(" ")[0] + ": has no effect with --server")
                    .hasLineCount(1);
        }
        assertThat(Said.by(rewardTraining("--mlflow", "http://127.0.0.1:9")).err())
                .as("what it trains is no run of MLflow")
                .contains("Unknown option");
    }

    private List<String> rewardTraining(String... more) throws IOException {
        Path pairs = folder.resolve("pairs.jsonl");
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            String word = "p" + (char) ('a' + i % 20) + (char) ('a' + i / 20);
            lines.add("{\"prompt\": \"a in " + word + "?\", \"chosen\": \"=3\", \"rejected\": \"=1\"}");
        }
        Files.write(pairs, lines);
        List<String> arguments = new ArrayList<>(List.of("reward", "train", pairs.toString()));
        arguments.addAll(List.of("--base", folder.resolve("letter-count/base").toString()));
        arguments.addAll(List.of("--out", folder.resolve("model").toString()));
        arguments.addAll(List.of("--run-dir", folder.resolve("reward").toString()));
        arguments.addAll(List.of("--set", "batch=8", "--set", "threads=1", "--set", "held-out-fraction=0.2"));
        arguments.addAll(List.of(more));
        return arguments;
    }

    private List<String> sweep(String... more) throws IOException {
        Map<String, String> settings = new LinkedHashMap<>();
        for (String setting : run.settings("warmup=null", "data.held-out=null", "until.iterations=3")) {
            String[] parts = setting.split("=", 2);
            if (!parts[0].startsWith("warmup.")) {
                settings.put(parts[0], parts[1]);
            }
        }
        StringBuilder set = new StringBuilder();
        settings.forEach((key, value) -> set.append("  %s: %s\n".formatted(key, value)));
        Path file = folder.resolve("sweep.yaml");
        Files.writeString(
                file, "run: letter-count.yaml\nset:\n" + set + "over: { dpo.beta: [0.1, 0.5] }\nmeasure: loss\n");
        List<String> arguments = new ArrayList<>(List.of("sweep", file.toString(), "--id", "swept"));
        arguments.addAll(List.of("--dir", folder.resolve("swept").toString()));
        arguments.addAll(List.of(more));
        return arguments;
    }

    private static CompletableFuture<Said> began(List<String> command) {
        return CompletableFuture.supplyAsync(() -> Said.by(command));
    }

    /** The metrics as soon as they have this; the last ones where the command ends before. */
    private String scrapedUntil(String series, CompletableFuture<Said> command) throws InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/metrics"))
                .build();
        String newest = "";
        while (!newest.contains(series) && !command.isDone()) {
            try {
                newest = CLIENT.send(request, HttpResponse.BodyHandlers.ofString())
                        .body();
            } catch (IOException e) {
                Thread.sleep(5); // not served yet, or no longer
            }
        }
        return newest;
    }

    private static List<JsonNode> logged(Path directory) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(directory.resolve("log"))) {
            lines.add(new ObjectMapper().readTree(line));
        }
        return lines;
    }
}
