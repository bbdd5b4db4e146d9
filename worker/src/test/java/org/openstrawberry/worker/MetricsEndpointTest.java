package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.runtime.RunMeters;
import org.openstrawberry.worker.TrainCommandTest.Said;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.steps.RunRef;
import picocli.CommandLine;

/** What Prometheus is told. */
class MetricsEndpointTest {
    @Test
    void theNewestMetricsOfEachRunAreGauges() throws IOException, InterruptedException {
        try (MetricsEndpoint endpoint = endpoint("--metrics", "0");
                RunMeters meters = new RunMeters(endpoint.meters(), id -> Optional.empty())) {
            meters.recorded(run("a"), row(1, "rewards/margins", 0.25));
            meters.recorded(run("b"), row(7, "rewards/margins", 4));
            assertThat(scrape(endpoint))
                    .contains("strawberry_rewards_margins{run=\"a\"} 0.25")
                    .contains("strawberry_rewards_margins{run=\"b\"} 4.0")
                    .contains("strawberry_iteration{run=\"b\"} 7.0")
                    .doesNotContain("phase_seconds");

            meters.recorded(run("a"), row(2, "loss", 0.5));
            assertThat(scrape(endpoint))
                    .contains("strawberry_loss{run=\"a\"} 0.5")
                    .contains("strawberry_rewards_margins{run=\"a\"} NaN")
                    .contains("strawberry_iteration{run=\"a\"} 2.0");
        }
    }

    @Test
    void theSdksOwnMetricsStandBesideOurs() throws IOException, InterruptedException {
        try (MetricsEndpoint endpoint = endpoint("--metrics", "127.0.0.1:0")) {
            endpoint.temporal().orElseThrow().counter("temporal_request").inc(3);
            String text = "";
            for (int i = 0; i < 50 && !text.contains("temporal_request"); i++) {
                Thread.sleep(100);
                text = scrape(endpoint);
            }

            assertThat(text).contains("temporal_request_total 3.0");
        }
    }

    @Test
    void nothingIsServedThatNobodyAskedFor() {
        try (MetricsEndpoint endpoint = endpoint()) {
            assertThat(endpoint.port()).isEmpty();
            assertThat(endpoint.temporal()).isEmpty();
        }
    }

    @Test
    void anAddressThatIsNoneOrIsTakenIsNamed(@TempDir Path folder) throws IOException {
        TinyRun run = new TinyRun(folder);
        assertThat(said(run, "--metrics", "lots").err())
                .contains("--metrics: found \"lots\"")
                .hasLineCount(1);
        assertThat(said(run, "--metrics", "9464", "--server", "127.0.0.1:1").err())
                .contains("--metrics: has no effect with --server");
        try (ServerSocket taken = new ServerSocket(0)) {
            Said said = said(run, "--metrics", "0.0.0.0:" + taken.getLocalPort());
            assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
            assertThat(said.err()).contains("can't be listened on").hasLineCount(1);
        }
    }

    private static Said said(TinyRun run, String... options) {
        List<String> arguments = new ArrayList<>(run.train("run"));
        arguments.addAll(List.of(options));
        return Said.by(arguments);
    }

    private static MetricsEndpoint endpoint(String... options) {
        MetricsEndpoint.Address address = new MetricsEndpoint.Address();
        CommandLine line = new CommandLine(CommandLine.Model.CommandSpec.create());
        line.addMixin("metrics", address);
        line.parseArgs(options);
        return address.open();
    }

    private static String scrape(MetricsEndpoint endpoint) throws IOException, InterruptedException {
        URI uri = URI.create("http://127.0.0.1:" + endpoint.port().orElseThrow() + "/metrics");
        return HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString())
                .body();
    }

    private static RunRef run(String id) {
        return new RunRef(id, "/nowhere/" + id);
    }

    private static IterationMetrics row(int iteration, String name, double value) {
        return new IterationMetrics(iteration, java.util.Map.of(name, value, "phase/seconds/generate", 1.0));
    }
}
