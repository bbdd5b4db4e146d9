package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real Prometheus, by the configuration of the docs, looks on at a run. */
class PrometheusTest {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    private final Path folder;
    private final int metrics = MonitoringPrograms.freePort();
    private final int prometheus = MonitoringPrograms.freePort();

    PrometheusTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    void everyNumberOfTheDashboardAndTheAlertsIsThereWhileARunLives() throws IOException, InterruptedException {
        assumeTrue(MonitoringPrograms.has("prometheus"), "prometheus is not installed (tools/test-programs/install)");
        TinyRun run = new TinyRun(folder);
        try (TestProcesses processes = new TestProcesses(folder)) {
            List<String> train = new ArrayList<>(run.train("run", "until.iterations=100000", "evaluation.every=2"));
            train.addAll(List.of("--metrics", Integer.toString(metrics)));
            Process trained = processes.start("train", TestProcesses.ours(train));
            processes.start("prometheus", prometheus());

            await("up{job=\"strawberry\"} == 1");
            await("strawberry_iteration{run=\"letter-count\"} > 2");
            await("strawberry_phase_seconds_count{run=\"letter-count\", phase=\"generate\", role=\"thoughts\"} > 0");
            await("strawberry_phase_seconds_count{run=\"letter-count\", phase=\"dpostep\", role=\"trainer\"} > 0");
            await("strawberry_phase_seconds_count{run=\"letter-count\", phase=\"record\", role=\"runs\"} > 0");
            await("strawberry_run_state{run=\"letter-count\", state=\"running\"} == 1");
            await("time() - strawberry_last_iteration_timestamp_seconds{run=\"letter-count\"} < 100");
            await("rate(strawberry_tokens_total{run=\"letter-count\"}[1m]) > 0");
            await("process_resident_memory_bytes > 5e7");
            // The in-process server refuses the workers' heartbeat, which comes at the start or a minute later.
            await("temporal_request_failure_total > 0");
            await("temporal_worker_task_slots_available{task_queue=\"thoughts\"} > 0");

            for (String query : queries()) {
                JsonNode answer = ask("query?query=" + encoded(query));
                assertThat(answer.path("status").asText()).as(query).isEqualTo("success");
            }
            Set<String> served = new TreeSet<>();
            ask("label/__name__/values").path("data").forEach(name -> served.add(name.asText()));
            Set<String> used = new TreeSet<>();
            for (String query : queries()) {
                used.addAll(MonitoringFilesTest.found(
                        "\\b((?:strawberry|temporal|jvm|process|system)_[a-z_]*[a-z])\\b(?!\\.)", query));
            }
            assertThat(used).hasSizeGreaterThan(30);
            assertThat(served).containsAll(used);
            assertThat(ask("rules").path("data").path("groups").findValuesAsText("health"))
                    .isNotEmpty()
                    .containsOnly("ok");

            TestProcesses.kill(trained);
            await("up{job=\"strawberry\"} == 0");
        }
    }

    /** All that the dashboard and the alerts ask, of all runs. */
    private static List<String> queries() throws IOException {
        List<String> queries = new ArrayList<>();
        String dashboard = Files.readString(MonitoringFilesTest.FOLDER.resolve("grafana-dashboard.json"));
        for (JsonNode query : new ObjectMapper().readTree(dashboard).findValues("expr")) {
            queries.add(query.asText().replace("$run", ".*").replace("$__rate_interval", "1m"));
        }
        queries.addAll(new com.fasterxml.jackson.dataformat.yaml.YAMLMapper()
                .readTree(MonitoringFilesTest.FOLDER.resolve("alerts.yml").toFile())
                .findValuesAsText("expr"));
        return queries;
    }

    /** The docs' configuration, for other ports and in a hurry. */
    private List<String> prometheus() throws IOException {
        String config = Files.readString(MonitoringFilesTest.FOLDER.resolve("prometheus.yml"))
                .replace("interval: 15s", "interval: 1s")
                .replace("localhost:9464", "127.0.0.1:" + metrics);
        Path file = Files.writeString(folder.resolve("prometheus.yml"), config);
        Files.copy(MonitoringFilesTest.FOLDER.resolve("alerts.yml"), folder.resolve("alerts.yml"));
        return List.of(
                "prometheus",
                "--config.file=" + file,
                "--storage.tsdb.path=" + folder.resolve("prometheus"),
                "--web.listen-address=127.0.0.1:" + prometheus,
                "--log.level=error");
    }

    /** Until a query has a result. */
    private void await(String query) throws InterruptedException {
        TestProcesses.await(query, () -> {
            try {
                Thread.sleep(200);
                return !ask("query?query=" + encoded(query))
                        .at("/data/result/0")
                        .isMissingNode();
            } catch (IOException e) {
                return false; // it has just been started
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    private static String encoded(String query) {
        return URLEncoder.encode(query, StandardCharsets.UTF_8);
    }

    private JsonNode ask(String path) throws IOException, InterruptedException {
        URI uri = URI.create("http://127.0.0.1:" + prometheus + "/api/v1/" + path);
        return new ObjectMapper()
                .readTree(CLIENT.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString())
                        .body());
    }
}
