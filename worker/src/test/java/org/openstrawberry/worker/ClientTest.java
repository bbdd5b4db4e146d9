package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.worker.examples.TrainFromCode;
import org.openstrawberry.workflows.RunResult;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.Strawberry;
import org.openstrawberry.workflows.client.Strawberry.OnRunning;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Runs that are started from code, on the in-process server. What is started without workers only waits there. */
class ClientTest {
    private final TinyRun run;
    private final EmbeddedTemporal temporal = EmbeddedTemporal.start();
    private final Tensors tensors = new Tensors();
    private final Strawberry strawberry = temporal.connection();

    ClientTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    @AfterEach
    void close() {
        temporal.close();
        tensors.close();
    }

    @Test
    void attachingToARunningRunGivesThatOne() {
        start("run", OnRunning.FAIL);
        String execution = execution("run");

        start("run", OnRunning.ATTACH);

        assertThat(execution("run")).isEqualTo(execution);
    }

    @Test
    void anIdThatIsRunningIsRefused() {
        start("run", OnRunning.FAIL);

        assertThatThrownBy(() -> start("run", OnRunning.FAIL))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith("run: is running already");
    }

    @Test
    void ofTwoThatStartAtOnceOneStarts() {
        for (int round = 0; round < 20; round++) {
            String id = "run-" + round;
            assertThat(twiceAtOnce(id, OnRunning.FAIL)).containsExactlyInAnyOrder(true, false);
            String execution = execution(id);
            assertThat(twiceAtOnce(id, OnRunning.ATTACH)).containsExactly(true, true);
            assertThat(execution(id)).isEqualTo(execution);
        }
    }

    @Test
    void aFinishedRunThatIsStartedAgainGoesOnFromItsDirectory() throws IOException {
        try (RunWorkers workers = workers()) {
            workers.start();
            train("run", "until.iterations=3");
            Map<String, String> first = run.shards("run");

            RunResult result = train("run", "until.iterations=6");

            assertThat(result.iteration()).isEqualTo(6);
            assertThat(first).isNotEmpty();
            assertThat(run.shards("run")).containsAllEntriesOf(first).hasSize(2 * first.size());
            train("straight", "until.iterations=6");
            assertThat(run.outcome("run")).isEqualTo(run.outcome("straight"));
        }
    }

    @Test
    void theExampleTrains() throws IOException {
        try (RunWorkers workers = workers()) {
            workers.start();
            RunHandle handle = start("run", OnRunning.ATTACH);

            assertThat(TrainFromCode.watch(handle).reason()).isEqualTo("6 iterations done");
        }
    }

    @Test
    void theExampleSteers() {
        try (RunWorkers workers = workers()) {
            workers.start();
            RunHandle handle = start("run", OnRunning.ATTACH);

            TrainFromCode.changeBeta(handle, 0.2);

            assertThat(handle.result().blockOptional().map(RunResult::iteration))
                    .contains(6);
            assertThat(handle.spec().dpo().beta()).isEqualTo(0.2);
        }
    }

    @Test
    void theExamplesSettingsPassAllChecks() {
        RunSpec spec = TrainFromCode.spec(run.file().resolveSibling("letter-count"));

        RunSetup.prepare(spec, run.directory("sums"));

        assertThat(run.directory("sums").resolve("run.yaml")).exists();
    }

    private RunHandle start(String id, OnRunning onRunning, String... settings) {
        RunSpec spec = RunFile.read(run.file(), run.settings(settings));
        return strawberry.start(id, spec, directory(id), onRunning);
    }

    private RunResult train(String id, String... settings) {
        return start(id, OnRunning.FAIL, settings).result().blockOptional().orElseThrow();
    }

    private String directory(String id) {
        return run.directory(id).toString();
    }

    /** Whether each of two threads started the run or attached to it. */
    private List<Boolean> twiceAtOnce(String id, OnRunning onRunning) {
        CyclicBarrier both = new CyclicBarrier(2);
        return Flux.range(0, 2)
                .flatMap(thread -> Mono.fromCallable(() -> {
                            both.await();
                            return started(id, onRunning);
                        })
                        .subscribeOn(Schedulers.boundedElastic()))
                .collectList()
                .blockOptional()
                .orElseThrow();
    }

    private boolean started(String id, OnRunning onRunning) {
        try {
            start(id, onRunning);
            return true;
        } catch (InvalidInputException e) {
            assertThat(e).hasMessageStartingWith(id + ": is running already");
            return false;
        }
    }

    /** Which execution of the run the server has now. */
    private String execution(String id) {
        return strawberry
                .client()
                .newUntypedWorkflowStub(id)
                .describe()
                .getExecution()
                .getRunId();
    }

    private RunWorkers workers() {
        return new RunWorkers(strawberry.client(), new SimpleMeterRegistry(), tensors, new Rewards());
    }
}
