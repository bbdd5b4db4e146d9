package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** Runs on a Temporal server as it is in production, on PostgreSQL. Needs tools/temporal-server/build and PostgreSQL. */
@EnabledIf("org.openstrawberry.worker.TestProcesses#hasPostgres")
class PostgresTest {
    private final TinyRun run;
    private final TestProcesses processes;

    PostgresTest(@TempDir Path folder) {
        run = new TinyRun(folder);
        processes = new TestProcesses(folder, TestProcesses.Database.POSTGRES);
    }

    @AfterEach
    void close() {
        processes.close();
    }

    @Test
    void aRunOutlivesItsWorkersItsServerAndTheDatabase() throws Exception {
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
        processes.crashPostgres();
        processes.startServer();
        processes.worker("worker-3");

        assertThat(processes.strawberry("result", "run", "--server", processes.server()))
                .contains("6 iterations done");
        assertThat(run.outcome("run")).isEqualTo(TinyRun.undisturbed());
    }

    @Test
    void runsAreFoundBySearchAttributesAndSteered() throws Exception {
        processes.startServer();
        processes.worker("worker");
        start("until.iterations=200");
        awaitFile("iterations/000001/step.json");

        processes.tool("workflow", "signal", "--workflow-id", "run", "--name", "pause");
        TestProcesses.await("the pause to be listed", () -> isListed("StrawberryPhase = 'paused'"));
        assertThat(isListed("StrawberryTask = 'letter-count' and StrawberryIteration > 0 and StrawberryLoss < 1"))
                .isTrue();
        assertThat(isListed("StrawberryPhase = 'done'")).isFalse();

        assertThat(processes.strawberry("adjust", "run", "dpo.beta=0.2", "--server", processes.server()))
                .contains("dpo.beta=0.2");
        processes.strawberry("resume", "run", "--server", processes.server());
        processes.strawberry("stop", "run", "--server", processes.server());
        assertThat(processes.strawberry("result", "run", "--server", processes.server()))
                .contains("stopped by request");
        TestProcesses.await("the end to be listed", () -> isListed("StrawberryPhase = 'done'"));
    }

    private boolean isListed(String query) {
        return processes.tool("workflow", "list", "--query", query).contains("TrainingWorkflow");
    }

    private void start(String... settings) {
        processes.strawberry(run.start("run", processes.server(), settings).toArray(String[]::new));
    }

    private void awaitFile(String path) throws InterruptedException {
        TestProcesses.await(path, () -> Files.exists(run.directory("run").resolve(path)));
    }
}
