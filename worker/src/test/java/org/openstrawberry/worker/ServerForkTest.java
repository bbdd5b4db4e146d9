package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** Forks of runs on a real Temporal server. */
@EnabledIf("org.openstrawberry.worker.TestProcesses#hasTemporal")
class ServerForkTest {
    private final TinyRun run;
    private final TestProcesses processes;

    ServerForkTest(@TempDir Path folder) {
        run = new TinyRun(folder);
        processes = new TestProcesses(folder);
    }

    @AfterEach
    void close() {
        processes.close();
    }

    @Test
    void aForkOfARunningRunEndsLikeIt() throws Exception {
        processes.startServer();
        processes.worker("worker");
        start();
        TestProcesses.await(
                "iteration 2",
                () -> Files.exists(run.directory("run").resolve("iterations/000002/iteration.json.sha256")));

        assertThat(fork("run", "2")).contains("run-at-2").contains("running");

        result("run");
        result("run-at-2");
        assertThat(run.outcome("run-at-2")).isEqualTo(run.outcome("run"));
        assertThat(run.directory("run-at-2").resolve("server.txt"))
                .hasContent(processes.server() + "/default as run-at-2");

        assertThat(fork("run", "2"))
                .contains("run-at-2: there is a run of that id")
                .hasLineCount(1);
        assertThat(fork("other", "2"))
                .contains("other: no such run on this server")
                .hasLineCount(1);
        DurableFiles.deleteFolder(run.directory("run"));
        assertThat(fork("run", "2", "--id", "new"))
                .contains("not a run directory")
                .hasLineCount(1);
        assertThat(fork("run-at-2", "6", "--set", "until.iterations=7", "--id", "longer"))
                .contains("longer");
        result("longer");
    }

    private void start() {
        assertThat(Said.by(run.start("run", processes.server())).out()).isEqualTo("run\n");
    }

    private String fork(String parent, String iteration, String... more) {
        List<String> arguments =
                new ArrayList<>(List.of("fork", parent, "--at-iteration", iteration, "--server", processes.server()));
        arguments.addAll(List.of(more));
        Said said = Said.by(arguments);
        assertThat(said.code()).isEqualTo(said.err().isEmpty() ? 0 : Main.BAD_INPUT);
        return said.out() + said.err();
    }

    private void result(String id) {
        Said said = Said.by(List.of("result", id, "--server", processes.server()));
        assertThat(said.out()).as(said.err()).contains("iterations done");
        assertThat(said.code()).isZero();
    }
}
