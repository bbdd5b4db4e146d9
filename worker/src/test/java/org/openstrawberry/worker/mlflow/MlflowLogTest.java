package org.openstrawberry.worker.mlflow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.workflows.steps.RunRef;

/** What is said of a server that does not take everything, and when nothing more is waited for. */
class MlflowLogTest {
    private static final Duration PAUSE = Duration.ofMillis(1);

    private final Path folder;
    private final List<String> warnings = new CopyOnWriteArrayList<>();

    MlflowLogTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    @Timeout(120)
    void aRunThatIsRefusedIsToldOfOnceThoughAnotherIsLogged() throws IOException, InterruptedException {
        RunRef good = run("good");
        try (FakeMlflow server = new FakeMlflow()) {
            server.refuse("bad");
            try (MlflowLog log = log(server.url(), Duration.ofSeconds(30))) {
                log.opened(run("bad"));
                for (int i = 0; i < 5; i++) {
                    Files.writeString(
                            Path.of(good.directory()).resolve(RunLayout.METRICS),
                            "{\"iteration\":" + i + ",\"loss\":1}\n",
                            StandardOpenOption.CREATE,
                            StandardOpenOption.APPEND);
                    log.opened(good);
                    while (!logged(server).equals(Integer.toString(i))) {
                        Thread.sleep(2);
                    }
                }
            }
        }
        assertThat(warnings)
                .satisfiesExactly(
                        first ->
                                assertThat(first).contains("can't be logged to (HTTP 400, refused: PERMISSION_DENIED)"),
                        last -> assertThat(last).contains("lacks the last iterations (HTTP 400"));
    }

    @Test
    void aServerThatIsDownIsToldOfOnceForAllRuns() throws IOException {
        int port;
        try (FakeMlflow server = new FakeMlflow()) {
            port = server.port();
        }
        try (MlflowLog log = log("http://127.0.0.1:" + port, Duration.ofSeconds(30))) {
            for (String name : List.of("a", "b", "c")) {
                log.opened(run(name));
            }
        }
        assertThat(warnings)
                .satisfiesExactly(
                        first -> assertThat(first).contains("can't be logged to"),
                        last -> assertThat(last).contains("lacks the last iterations"));
    }

    /** It takes connections and never answers. The requests' own patience is half a minute, and none of them is waited for. */
    @Test
    void aServerThatHangsDelaysTheEndForNoLongerThanTheEndMayTake() throws IOException {
        try (ServerSocket hanging = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            MlflowLog log = log("http://127.0.0.1:" + hanging.getLocalPort(), Duration.ofMillis(100));
            log.opened(run("a"));
            log.finished(run("b"));
            log.close();
        }
        assertThat(warnings)
                .as("no request has ended, so nothing but the bound has ended the wait")
                .singleElement()
                .asString()
                .contains("lacks the last iterations (it does not answer in time)");
    }

    private MlflowLog log(String url, Duration atTheEnd) {
        return new MlflowLog(new MlflowAddress(url, "e", Optional.empty()), warnings::add, PAUSE, atTheEnd);
    }

    private RunRef run(String name) throws IOException {
        Path directory = Files.createDirectories(folder.resolve(name));
        Files.writeString(directory.resolve(RunLayout.RUN_FILE), "run: {id: " + name + "}\n");
        return new RunRef(name, directory.toString());
    }

    private static String logged(FakeMlflow server) {
        return server.runs().values().stream()
                .map(FakeMlflow.Run::tags)
                .map(tags -> tags.getOrDefault(MlflowRun.LOGGED, ""))
                .findFirst()
                .orElse("");
    }
}
