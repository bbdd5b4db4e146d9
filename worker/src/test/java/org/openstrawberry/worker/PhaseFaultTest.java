package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** A worker, the server, or both killed in each phase of a run, and a server that stays away: {@code mvn -Pfaults verify}. */
@Tag("faults")
@EnabledIf("org.openstrawberry.worker.TestProcesses#hasTemporal")
class PhaseFaultTest {
    /** Each ends a phase; what comes next is killed. */
    private static final List<String> ENDS = List.of(
            "checkpoints/warmup-000004",
            "checkpoints/000000",
            "iterations/000000/evaluation.jsonl",
            "iterations/000001/prompts.jsonl",
            "iterations/000001/thoughts-00.jsonl",
            "iterations/000002/scores-00.jsonl",
            "iterations/000002/pairs.jsonl",
            "iterations/000002/step.json",
            "iterations/000003/step.json",
            "iterations/000003/evaluation.jsonl",
            "iterations/000004/step.json",
            "iterations/000004/iteration.json",
            "iterations/000006/evaluation.jsonl");

    private static final Duration AWAY = Duration.ofSeconds(45);

    enum Victim {
        WORKER,
        SERVER,
        BOTH
    }

    private final TinyRun run;
    private final TestProcesses processes;

    PhaseFaultTest(@TempDir Path folder) {
        run = new TinyRun(folder);
        processes = new TestProcesses(folder);
    }

    @AfterEach
    void close() {
        processes.close();
    }

    @ParameterizedTest
    @EnumSource
    void aKillInEachPhaseChangesNothing(Victim victim) throws Exception {
        Process server = processes.startServer();
        Process worker = processes.worker("worker-0");
        start();

        Map<String, String> published = new TreeMap<>();
        for (String end : ENDS) {
            awaitFile(end);
            run.shards("run").forEach(published::putIfAbsent);
            if (victim != Victim.SERVER) {
                TestProcesses.kill(worker);
            }
            if (victim != Victim.WORKER) {
                TestProcesses.kill(server);
                server = processes.startServer();
            }
            if (victim != Victim.SERVER) {
                worker = processes.worker("worker-" + published.size());
            }
        }

        assertEndsLikeUndisturbed(published);
    }

    @Test
    void aServerThatIsAwayCostsNoFinishedStep() throws Exception {
        Process server = processes.startServer();
        processes.worker("worker-1");
        processes.worker("worker-2");
        start();

        awaitFile("iterations/000002/prompts.jsonl");
        TestProcesses.kill(server);
        Thread.sleep(AWAY.toMillis());
        Map<String, String> published = run.shards("run");
        processes.startServer();

        assertEndsLikeUndisturbed(published);
    }

    private void start() {
        assertThat(Said.by(run.start("run", processes.server())).out()).isEqualTo("run\n");
    }

    private void awaitFile(String path) throws InterruptedException {
        TestProcesses.await(path, () -> Files.exists(run.directory("run").resolve(path)));
    }

    private void assertEndsLikeUndisturbed(Map<String, String> published) throws IOException {
        assertThat(processes.strawberry("result", "run", "--server", processes.server()))
                .contains("6 iterations done");
        assertThat(run.outcome("run")).isEqualTo(TinyRun.undisturbed());
        assertThat(run.shards("run")).containsAllEntriesOf(published);
        assertThat(Files.readAllLines(run.directory("run").resolve("metrics.jsonl")))
                .hasSize(7);
    }
}
