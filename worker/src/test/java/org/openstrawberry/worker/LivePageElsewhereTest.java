package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.worker.live.RunSource;
import org.openstrawberry.worker.live.Served;
import org.openstrawberry.worker.live.WebOptions;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.Strawberry.OnRunning;
import picocli.CommandLine;

/** The page of a run whose directory its process can't read, as on another host. */
class LivePageElsewhereTest {
    @Test
    void withoutTheDirectoryThePageShowsWhatTheRunItselfTells(@TempDir Path folder) throws Exception {
        withARunThatIsDone(folder, (run, directory) -> {
            Path elsewhere = folder.resolve("not-here");
            try (Served page = page(run, elsewhere)) {
                URI url = URI.create(page.page().orElseThrow().url());

                assertThat(json(url, "").path("reachable").asBoolean()).isFalse();
                JsonNode columns = json(url, "/curves").at("/runs/0/columns");
                assertThat(columns.path("iteration")).hasSize(4);
                assertThat(columns.path("loss")).hasSize(4);
                for (String path : List.of("/figures", "/examples", "/iterations/1", "/iterations/1/prompts/0")) {
                    HttpResponse<String> refused = get(url, path);
                    assertThat(refused.statusCode()).as(path).isEqualTo(HttpURLConnection.HTTP_BAD_REQUEST);
                    assertThat(refused.body())
                            .contains("not-here", "can't be read by the process that serves this page");
                }
            }
        });
    }

    @Test
    void aDamagedFileOfThoughtsHidesNothingElse(@TempDir Path folder) throws Exception {
        withARunThatIsDone(folder, (run, directory) -> {
            Files.writeString(directory.resolve("iterations/000003/thoughts-00.jsonl"), "{\n");
            try (Served page = page(run, directory);
                    Stream<String> lines = HttpClient.newHttpClient()
                            .send(
                                    HttpRequest.newBuilder(URI.create(page.page()
                                                            .orElseThrow()
                                                            .url())
                                                    .resolve("/api/runs/run/events"))
                                            .build(),
                                    BodyHandlers.ofLines())
                            .body()) {
                assertThat(lines.filter(line -> line.startsWith("event: ")).limit(3))
                        .containsExactly("event: served", "event: rows", "event: standing");
            }
        });
    }

    private interface Look {
        void at(RunHandle run, Path directory) throws Exception;
    }

    private static Served page(RunHandle run, Path directory) {
        WebOptions web = new WebOptions();
        CommandLine.populateCommand(web, "--web=0");
        return web.open(() -> new RunSource.One(new RunSource.Shown("run", run, directory)));
    }

    private static void withARunThatIsDone(Path folder, Look look) throws Exception {
        TinyRun tiny = new TinyRun(folder);
        RunSpec spec = RunFile.read(tiny.file(), tiny.settings("until.iterations=3"));
        Path directory = tiny.directory("run");
        RunSetup.prepare(spec, directory);
        try (EmbeddedTemporal temporal = EmbeddedTemporal.start();
                Tensors tensors = new Tensors();
                RunWorkers workers =
                        new RunWorkers(temporal.client(), new SimpleMeterRegistry(), tensors, new Rewards())) {
            workers.start();
            RunHandle run = temporal.connection().start("run", spec, directory.toString(), OnRunning.FAIL);
            run.result().block();
            look.at(run, directory);
        }
    }

    private static HttpResponse<String> get(URI url, String path) throws Exception {
        return HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(url.resolve("/api/runs/run" + path))
                                .build(),
                        BodyHandlers.ofString());
    }

    private static JsonNode json(URI url, String path) throws Exception {
        return new ObjectMapper().readTree(get(url, path).body());
    }
}
