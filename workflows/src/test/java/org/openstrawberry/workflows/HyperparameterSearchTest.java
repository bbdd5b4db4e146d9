package org.openstrawberry.workflows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.temporal.testing.TestWorkflowEnvironment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.SweepFile;
import org.openstrawberry.workflows.SweepResults.State;
import org.openstrawberry.workflows.SweepResults.TrialResult;
import org.openstrawberry.workflows.client.RunFailedException;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.SweepHandle;

/** Sweeps on the in-process server; the steps only say that they were called, and a trial is as good as its beta is high. */
class HyperparameterSearchTest {
    private final Path folder;
    private final TestWorkflowEnvironment temporal = TestWorkflowEnvironment.newInstance();
    private final FakeSteps steps = new FakeSteps();

    HyperparameterSearchTest(@TempDir Path folder) throws IOException {
        this.folder = folder;
        Files.writeString(folder.resolve("run.yaml"), """
                model: { policy: base }
                data: { prompts: train.jsonl, held-out: heldout.jsonl }
                reward: { verifier: { kind: regex, pattern: a } }
                until: { iterations: 8 }
                """);
        steps.register(temporal);
        temporal.start();
    }

    @AfterEach
    void close() {
        temporal.close();
    }

    @Test
    void everyTrialIsARunOfItsOwnAndTheBestStandsFirst() throws IOException {
        SweepResults results = results(start("over: { dpo.beta: [0.1, 0.3, 0.2] }"));

        assertThat(results.trials()).extracting(TrialResult::trial).containsExactly("01", "02", "00");
        assertThat(results.trials()).extracting(TrialResult::state).containsOnly(State.DONE);
        assertThat(results.trials()).extracting(TrialResult::iterations).containsOnly(8);
        assertThat(results.trials().get(0).settings()).hasToString("{dpo.beta=0.3}");
        assertThat(RunHandle.attach(temporal.getWorkflowClient(), "sweep-01")
                        .result()
                        .block())
                .extracting(RunResult::iteration)
                .isEqualTo(8);
        assertThat(steps.betas().stream().distinct()).containsExactlyInAnyOrder(0.1, 0.2, 0.3);
    }

    @Test
    void asManyTrialsAreUnderWayAsTheSweepMay() throws IOException {
        start("{ over: { dpo.beta: [0.1, 0.2, 0.3, 0.4, 0.5] }, at-a-time: 2 }")
                .result()
                .block();

        Set<String> underWay = new HashSet<>();
        int most = 0;
        for (String call : steps.callsByRun()) {
            String run = call.substring(0, call.indexOf(' '));
            if (call.endsWith(" open")) {
                underWay.add(run);
            } else if (call.endsWith(" finish")) {
                underWay.remove(run);
            }
            most = Math.max(most, underWay.size());
        }
        assertThat(most).isEqualTo(2);
        assertThat(steps.callsByRun().stream().filter(call -> call.endsWith(" finish")))
                .hasSize(5);
    }

    @Test
    void aFailedTrialIsToldWithItsReasonAndTheOthersGoOn() throws IOException {
        steps.failAlways("sweep-01 pair 2");

        SweepResults results = results(start("over: { dpo.beta: [0.1, 0.3, 0.2] }"));

        assertThat(results.trials()).extracting(TrialResult::trial).containsExactly("02", "00", "01");
        TrialResult failed = results.trials().get(2);
        assertThat(failed.state()).isEqualTo(State.FAILED);
        assertThat(failed.reason().orElseThrow()).contains("sweep-01 pair 2 does not work");
    }

    @Test
    void aSweepFailsWhereEveryTrialFails() throws IOException {
        steps.failAlways("pair 1");
        SweepHandle sweep = start("over: { dpo.beta: [0.1, 0.3] }");

        assertThatThrownBy(() -> sweep.result().block())
                .isInstanceOf(RunFailedException.class)
                .hasMessage("all 2 trials failed; trial 00: pair 1 does not work");
    }

    @Test
    void halvingTrainsTheBestFurtherAndNothingTwice() throws IOException {
        SweepResults results = results(start("{ over: { dpo.beta: [0.1, 0.4, 0.2, 0.3] }, halving: { start: 2 } }"));

        assertThat(results.trials()).extracting(TrialResult::trial).containsExactly("01", "03", "02", "00");
        assertThat(results.trials()).extracting(TrialResult::iterations).containsExactly(8, 4, 2, 2);
        assertThat(results.trials())
                .extracting(TrialResult::state)
                .containsExactly(State.DONE, State.PRUNED, State.PRUNED, State.PRUNED);
        assertThat(steps.callsByRun())
                .containsOnlyOnce("sweep-01 step 1", "sweep-01 step 3", "sweep-01 step 8", "sweep-03 step 4")
                .doesNotContain("sweep-03 step 5", "sweep-02 step 3");
    }

    @Test
    void aFailedTrialDoesNotGoOn() throws IOException {
        steps.failAlways("sweep-01 pair 1");

        SweepResults results = results(start("{ over: { dpo.beta: [0.1, 0.4] }, halving: { start: 4 } }"));

        assertThat(results.trials()).extracting(TrialResult::trial).containsExactly("00", "01");
        assertThat(results.trials()).extracting(TrialResult::iterations).containsExactly(8, 0);
    }

    @Test
    void aStoppedSweepKeepsWhatIsDoneAndStartsNoMore() throws IOException {
        SweepHandle sweep = hold("sweep-01 generate 3/0", SweepHandle::stop, Progress.State.STOPPING);

        SweepResults results = results(sweep);
        assertThat(results.trials()).extracting(TrialResult::trial).containsExactly("00", "01", "02");
        assertThat(results.trials())
                .extracting(TrialResult::state)
                .containsExactly(State.DONE, State.STOPPED, State.STOPPED);
        assertThat(steps.callsByRun()).contains("sweep-01 export 3").doesNotContain("sweep-02 open");
    }

    @Test
    void aStoppedSweepThatIsStartedAgainTrainsOnlyTheRest() throws IOException {
        hold("sweep-01 generate 3/0", SweepHandle::stop, Progress.State.STOPPING)
                .result()
                .block();

        SweepResults results = results(start("over: { dpo.beta: [0.1, 0.1, 0.1] }"));

        assertThat(results.trials()).extracting(TrialResult::state).containsOnly(State.DONE);
        assertThat(steps.callsByRun())
                .containsOnlyOnce("sweep-00 open", "sweep-01 step 3", "sweep-01 step 8", "sweep-02 step 8");
    }

    @Test
    void aPausedSweepPausesItsTrialsAndGoesOn() throws IOException {
        SweepHandle sweep = hold("sweep-01 generate 3/0", SweepHandle::pause, Progress.State.PAUSING);
        awaitTrial(Progress.State.PAUSED);
        assertThat(steps.callsByRun()).contains("sweep-01 record 3").doesNotContain("sweep-01 step 4");
        Progress progress =
                RunHandle.attach(temporal.getWorkflowClient(), "sweep").progress();
        assertThat(progress.state()).isEqualTo(Progress.State.PAUSING);
        assertThat(progress.iteration()).isEqualTo(1);

        sweep.resume();
        assertThat(results(sweep).trials()).extracting(TrialResult::state).containsOnly(State.DONE);
    }

    private static SweepResults results(SweepHandle sweep) {
        return sweep.result().blockOptional().orElseThrow();
    }

    /** Starts a sweep of three and does something in the middle of a step of its second trial, until the trial knows. */
    private SweepHandle hold(String call, Consumer<SweepHandle> act, Progress.State known) throws IOException {
        CompletableFuture<SweepHandle> started = new CompletableFuture<>();
        steps.during(call, () -> {
            act.accept(started.join());
            awaitTrial(known);
        });
        SweepHandle sweep = start("over: { dpo.beta: [0.1, 0.1, 0.1] }");
        started.complete(sweep);
        return sweep;
    }

    private void awaitTrial(Progress.State state) {
        RunHandle.attach(temporal.getWorkflowClient(), "sweep-01")
                .progress(Duration.ofMillis(20))
                .filter(progress -> progress.state() == state)
                .blockFirst(Duration.ofSeconds(60));
    }

    private SweepHandle start(String sweep) throws IOException {
        Path file = folder.resolve("sweep.yaml");
        Files.writeString(
                file, sweep.startsWith("{") ? "{ run: run.yaml, " + sweep.substring(1) : "run: run.yaml\n" + sweep);
        return SweepHandle.start(
                temporal.getWorkflowClient(),
                "sweep",
                new SweepInput(SweepFile.read(file).resolve(folder), folder.toString()));
    }
}
