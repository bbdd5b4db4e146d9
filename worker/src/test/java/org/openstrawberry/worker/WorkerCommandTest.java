package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.temporal.testserver.TestServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** A worker as a process of its own, on Temporal's test server. */
class WorkerCommandTest {
    @Test
    void aWorkersJsonLogTellsRunPhaseAndIterationAndItsMetricsTheRunsEnd(@TempDir Path folder) throws Exception {
        TinyRun run = new TinyRun(folder);
        int port = freePort();
        int metrics = freePort();
        String server = "127.0.0.1:" + port;
        try (TestServer.PortBoundTestServer temporal = TestServer.createPortBoundServer(port, true);
                TestProcesses processes = new TestProcesses(folder)) {
            assertThat(temporal).isNotNull();
            Process worker = processes.start(
                    "worker",
                    TestProcesses.ours(List.of(
                            "worker", "--server", server, "--log-json", "--metrics", Integer.toString(metrics))),
                    Map.of("JDK_JAVA_OPTIONS", "-Xlog:class+load:file=" + folder.resolve("classes")));
            List<String> start =
                    new ArrayList<>(run.train("run", "until.iterations=1", "warmup=null", "data.held-out=null"));
            start.set(0, "start");
            start.addAll(List.of("--server", server, "--wait"));
            Said said = Said.by(start);
            assertThat(said.code()).as(said.err()).isZero();

            assertThat(scrape(metrics))
                    .contains("strawberry_run_state{run=\"letter-count\",state=\"done\"} 1.0")
                    .contains("strawberry_iteration{run=\"letter-count\"} 1.0")
                    .contains("temporal_worker_task_slots_available");
            TestProcesses.signal(worker, "TERM");
            assertThat(worker.waitFor(1, TimeUnit.MINUTES)).isTrue();
            assertThat(worker.exitValue()).isZero();
        }
        // They would cost each start some of its time.
        loadsNothingOfTracing(folder.resolve("classes"));
        assertThat(json(folder.resolve("worker.out"))).anySatisfy(line -> {
            assertThat(line.path("mdc").path("run").asText()).isEqualTo("letter-count");
            assertThat(line.path("mdc").path("phase").asText()).isEqualTo("generate");
            assertThat(line.path("mdc").path("iteration").asText()).isEqualTo("1");
        });
    }

    private static void loadsNothingOfTracing(Path classes) throws IOException {
        List<String> loaded = Files.readAllLines(classes);
        assertThat(loaded).anyMatch(line -> line.contains("org.openstrawberry.worker.WorkerCommand "));
        assertThat(loaded)
                .filteredOn(
                        line -> line.matches(".*\\b(io\\.opentelemetry|micrometer\\.tracing|worker\\.tracing)\\..*"))
                .isEmpty();
    }

    /** The log; what the command says on standard output is none. */
    private static List<JsonNode> json(Path file) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            if (line.startsWith("{")) {
                lines.add(new ObjectMapper().readTree(line));
            }
        }
        return lines;
    }

    private static String scrape(int port) throws IOException, InterruptedException {
        URI uri = URI.create("http://127.0.0.1:" + port + "/metrics");
        return HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString())
                .body();
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
