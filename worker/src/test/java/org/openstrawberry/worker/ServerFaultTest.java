package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Runs on a real Temporal server, whose processes die. Needs the temporal command: see tools/temporal/build. Two tests at a
 * time, since most of it is waiting for time-outs: so none may change what this process prints to.
 */
@EnabledIf("org.openstrawberry.worker.TestProcesses#hasTemporal")
@Execution(ExecutionMode.CONCURRENT)
class ServerFaultTest {
    private final TinyRun run;
    private final TestProcesses processes;

    ServerFaultTest(@TempDir Path folder) {
        run = new TinyRun(folder);
        processes = new TestProcesses(folder);
    }

    @AfterEach
    void close() {
        processes.close();
    }

    @Test
    void aRunOutlivesItsWorkersAndItsServer() throws Exception {
        Process server = processes.startServer();
        Process worker = processes.worker("worker-1");
        start();

        awaitFile("checkpoints/warmup-000004");
        TestProcesses.kill(worker);
        worker = processes.worker("worker-2");

        awaitFile("iterations/000001/thoughts-00.jsonl");
        TestProcesses.kill(server);
        server = processes.startServer();

        awaitFile("iterations/000003/step.json");
        TestProcesses.kill(worker);
        TestProcesses.kill(server);
        server = processes.startServer();
        processes.worker("worker-3");

        assertEndsLikeUndisturbed();
    }

    @Test
    void fourWorkersByRoleEndLikeOneProcess() throws Exception {
        processes.startServer();
        processes.worker("thoughts-1", "--roles", "thoughts");
        processes.worker("thoughts-2", "--roles", "thoughts");
        processes.worker("rewards", "--roles", "rewards");
        processes.worker("trainer", "--roles", "trainer");
        start();

        assertEndsLikeUndisturbed();
    }

    @Test
    void theTrainerIsReplacedByOneWithoutMemory() throws Exception {
        processes.startServer();
        processes.worker("thoughts", "--roles", "thoughts,rewards");
        Process trainer = processes.worker("trainer-1", "--roles", "trainer");
        start();

        awaitFile("iterations/000003/pairs.jsonl");
        Map<String, String> published = run.shards("run");
        TestProcesses.kill(trainer);
        processes.worker("trainer-2", "--roles", "trainer");

        assertEndsLikeUndisturbed();
        assertThat(run.shards("run")).containsAllEntriesOf(published);
    }

    @Test
    void aWorkerThatIsToldToEndFinishesItsStep() throws Exception {
        processes.startServer();
        Process first = processes.worker("worker-1");
        start();

        awaitFile("iterations/000002/prompts.jsonl");
        first.destroy();
        assertThat(first.waitFor()).isZero();
        processes.worker("worker-2");

        assertEndsLikeUndisturbed();
    }

    @Test
    void aRunThatFailedGoesOnAfterTheMend() throws Exception {
        processes.startServer();
        start();
        Path tokenizer =
                run.file().resolveSibling("letter-count").resolve("base").resolve("tokenizer.json");
        Path away = tokenizer.resolveSibling("away");
        Files.move(tokenizer, away);
        processes.worker("worker");

        assertThat(said("result", "run")).contains("run failed: " + tokenizer);
        assertThat(query("progress").replaceAll("\\s", "")).contains("\"state\":\"failed\"");

        Files.move(away, tokenizer);
        said("resume", "run");
        assertEndsLikeUndisturbed();
    }

    @Test
    void aFrozenWorkerThatComesBackChangesNothing() throws Exception {
        processes.startServer();
        Process frozen = processes.worker("worker-1");
        start();

        awaitFile("iterations/000002/prompts.jsonl");
        TestProcesses.signal(frozen, "STOP");
        processes.worker("worker-2");
        awaitFile("iterations/000004/step.json");
        TestProcesses.signal(frozen, "CONT");

        assertEndsLikeUndisturbed();
    }

    @Test
    void aRunThatWasStoppedInTheMiddleGoesOn() throws Exception {
        processes.startServer();
        processes.worker("worker");
        start();
        awaitFile("iterations/000002/pairs.jsonl");

        said("stop", "run", "--now");
        TestProcesses.await("the end", () -> !said("list").contains("running"));
        said("resume", "run");

        assertEndsLikeUndisturbed();
    }

    @Test
    void theStockToolsSteerARun() throws Exception {
        processes.startServer();
        processes.worker("worker");
        start("until.iterations=200");
        awaitFile("iterations/000001/step.json");

        processes.tool("workflow", "signal", "--workflow-id", "run", "--name", "pause");
        TestProcesses.await("the pause", () -> query("progress").contains("\"paused\""));
        TestProcesses.await(
                "the pause to be listed",
                () -> processes
                        .tool("workflow", "list", "--query", "StrawberryPhase = 'paused'")
                        .contains("run"));
        assertThat(query("spec")).contains("\"beta\"");
        assertThat(processes.tool(
                        "workflow", "query", "--workflow-id", "run", "--type", "history", "--input", "0", "-o", "json"))
                .contains("pairs/formed");

        assertThat(update("{\"dpo.beta\": 0.2}")).contains("\"beta\":0.2");
        assertThat(update("{\"dpo.beta\": -1}")).contains("dpo.beta: must be").contains("found -1");

        processes.tool("workflow", "signal", "--workflow-id", "run", "--name", "resume");
        processes.tool("workflow", "signal", "--workflow-id", "run", "--name", "stop");
        assertThat(said("result", "run")).contains("stopped by request");
        assertThat(said("list")).contains("completed");
    }

    private String query(String type) {
        return processes.tool("workflow", "query", "--workflow-id", "run", "--type", type, "-o", "json");
    }

    private String update(String input) {
        try {
            return processes
                    .tool(
                            "workflow",
                            "update",
                            "execute",
                            "--workflow-id",
                            "run",
                            "--name",
                            "adjust",
                            "--input",
                            input,
                            "-o",
                            "json")
                    .replaceAll("\\s+", "");
        } catch (IllegalStateException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private void start(String... settings) {
        List<String> arguments = run.start("run", processes.server(), settings);
        // After a line that no worker asks for work, where ours has not begun to.
        assertThat(processes.strawberry(arguments.toArray(String[]::new)).lines())
                .endsWith("run");
    }

    /** What our command line prints, on both streams. */
    private String said(String... arguments) {
        List<String> command = new ArrayList<>(List.of(arguments));
        command.addAll(List.of("--server", processes.server()));
        return TestProcesses.strawberry(Map.of(), command.toArray(String[]::new))
                .output();
    }

    private void awaitFile(String path) throws InterruptedException {
        TestProcesses.await(path, () -> Files.exists(run.directory("run").resolve(path)));
    }

    private void assertEndsLikeUndisturbed() throws IOException {
        assertThat(said("result", "run")).contains("6 iterations done");
        assertThat(run.outcome("run")).isEqualTo(TinyRun.undisturbed());
        assertThat(Files.readAllLines(run.directory("run").resolve("metrics.jsonl")))
                .hasSize(7);
    }
}
