package org.openstrawberry.workflows;

import static org.assertj.core.api.Assertions.assertThat;

import io.temporal.testing.TestWorkflowEnvironment;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.workflows.Progress.State;
import org.openstrawberry.workflows.client.RunHandle;

/** The workflow with {@code sampling.ahead: 1}, with steps that only say that they were called. */
class SamplingAheadTest {
    private final Path folder;
    private final TestWorkflowEnvironment temporal = TestWorkflowEnvironment.newInstance();
    private final FakeSteps steps = new FakeSteps();

    SamplingAheadTest(@TempDir Path folder) {
        this.folder = folder;
        steps.register(temporal);
        temporal.start();
    }

    @AfterEach
    void close() {
        temporal.close();
    }

    @Test
    void theNextThoughtsAreSampledAndScoredWhileTheStepRuns() {
        CountDownLatch scored = new CountDownLatch(1);
        steps.during("score 2/0", scored::countDown);
        List<Boolean> inTime = new ArrayList<>();
        steps.during("step 1", () -> inTime.add(await(scored)));

        start("until.iterations=2").result().block();

        assertThat(inTime).containsExactly(true);
    }

    @Test
    void everyIterationIsSampledOnceAndNoneBeyondTheLast() {
        start("until.iterations=3").result().block();

        assertThat(steps.calls().stream().filter(call -> call.matches("(sample|generate|score|step) .*")))
                .containsExactlyInAnyOrder(
                        "sample 1",
                        "generate 1/0",
                        "score 1/0",
                        "step 1",
                        "sample 2",
                        "generate 2/0",
                        "score 2/0",
                        "step 2",
                        "sample 3",
                        "generate 3/0",
                        "score 3/0",
                        "step 3");
    }

    @Test
    void anAdjustmentOfSamplingTakesEffectWithTheThoughtsThatAreSampledNext() {
        RunHandle run = start("until.iterations=4");
        steps.during("generate 1/0", () -> run.adjust(Map.of("sampling.temperature", 0.5, "dpo.beta", 0.7)));

        run.result().block();

        assertThat(steps.temperatures()).containsExactly("1/0 1.0", "2/0 1.0", "3/0 0.5", "4/0 0.5");
        assertThat(steps.betas()).containsExactly(0.1, 0.7, 0.7, 0.7);
        assertThat(steps.calls()).contains("adjust 2 {dpo.beta=0.7, sampling.temperature=0.5}");
    }

    /** A run that goes on, later or with a longer limit, finds them. */
    @Test
    void aStoppedRunEndsWhenTheThoughtsThatWereBegunAreWhole() {
        RunHandle run = start("until.iterations=50");
        CountDownLatch stopped = new CountDownLatch(1);
        steps.during("step 2", () -> {
            run.stop();
            stopped.countDown();
        });
        steps.during("score 3/0", () -> {
            await(stopped);
            sleep();
        });

        assertThat(run.result().block()).isEqualTo(new RunResult(2, "stopped by request", "policy", "sha"));
        assertThat(steps.calls()).contains("export 2").doesNotContain("sample 4", "step 3");
        assertThat(steps.calls().indexOf("score 3/0")).isLessThan(steps.calls().indexOf("export 2"));
    }

    @Test
    void aRunThatIsToldToStopBeginsNoFurtherThoughts() {
        RunHandle run = start("until.iterations=50");
        steps.during("score 2/0", run::stop);

        assertThat(run.result().block()).extracting(RunResult::iteration).isEqualTo(2);
        assertThat(steps.calls()).doesNotContain("sample 3");
    }

    @Test
    void aPausedRunHasNothingUnderWayAndGoesOn() {
        RunHandle run = start("until.iterations=3");
        steps.during("step 1", run::pause);
        steps.during("score 2/0", SamplingAheadTest::sleep);

        run.progress(Duration.ofMillis(20))
                .filter(progress -> progress.state() == State.PAUSED)
                .blockFirst(Duration.ofSeconds(20));
        assertThat(steps.calls()).contains("checkpoint 1", "score 2/0").doesNotContain("pair 2");

        run.resume();
        assertThat(run.result().block()).extracting(RunResult::iteration).isEqualTo(3);
        assertThat(steps.calls()).containsOnlyOnce("generate 1/0", "generate 2/0", "generate 3/0");
    }

    /** An execution that takes over asks for the begun thoughts once more, which are artifacts then. */
    @Test
    void aLongRunContinuesAsNewWithWhatWasSampledAhead() {
        RunHandle run = start("until.iterations=300", "evaluation.every=100", "checkpoints.every=100");

        assertThat(run.result().block()).extracting(RunResult::iteration).isEqualTo(300);
        assertThat(steps.runIds()).hasSizeGreaterThan(1);
        List<String> calls = steps.calls();
        assertThat(calls.stream().filter(call -> call.startsWith("step ")))
                .containsExactlyElementsOf(IntStream.rangeClosed(1, 300)
                        .mapToObj(iteration -> "step " + iteration)
                        .toList());
        IntStream.rangeClosed(2, 300)
                .forEach(iteration -> assertThat(calls.indexOf("sample " + iteration))
                        .isLessThan(calls.indexOf("record " + (iteration - 1))));
    }

    private static boolean await(CountDownLatch latch) {
        try {
            return latch.await(20, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void sleep() {
        try {
            Thread.sleep(200);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private RunHandle start(String... settings) {
        Path file = folder.resolve("run.yaml");
        try {
            Files.writeString(file, """
                    model: { policy: base }
                    data: { prompts: train.jsonl }
                    sampling: { ahead: 1, shards: 1 }
                    reward: { verifier: { kind: regex, pattern: a } }
                    """);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return RunHandle.start(
                temporal.getWorkflowClient(),
                "run",
                TrainingInput.start(RunFile.read(file, List.of(settings)), folder.toString()));
    }
}
