package org.openstrawberry.workflows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.temporal.client.WorkflowClient;
import io.temporal.testing.TestWorkflowEnvironment;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.Progress.State;
import org.openstrawberry.workflows.client.RunFailedException;
import org.openstrawberry.workflows.client.RunHandle;

/** The workflow on the in-process server, with steps that only say that they were called. */
class OnlineDpoTest {
    private final Path folder;
    private final TestWorkflowEnvironment temporal = TestWorkflowEnvironment.newInstance();
    private final FakeSteps steps = new FakeSteps();

    OnlineDpoTest(@TempDir Path folder) {
        this.folder = folder;
        steps.register(temporal);
        temporal.start();
    }

    @AfterEach
    void close() {
        temporal.close();
    }

    @Test
    void theStepsComeInThePapersOrder() {
        RunResult result = start("until.iterations=2", "sampling.shards=1", "evaluation.every=2")
                .result()
                .block();

        assertThat(result).isEqualTo(new RunResult(2, "2 iterations done", "policy", "sha"));
        assertThat(steps.calls())
                .containsExactly(
                        "open",
                        "warm-up 0",
                        "warm-up 100",
                        "initialize",
                        "evaluate 0",
                        "record 0",
                        "sample 1",
                        "generate 1/0",
                        "score 1/0",
                        "pair 1",
                        "step 1",
                        "record 1",
                        "sample 2",
                        "generate 2/0",
                        "score 2/0",
                        "pair 2",
                        "step 2",
                        "refresh 2",
                        "evaluate 2",
                        "checkpoint 2",
                        "record 2",
                        "export 2",
                        "finish");
    }

    /** The last one is there because the run ends: a longer run would not have it. */
    @Test
    void theReferenceFollowsThePolicyAtEachBestEvaluationThatIsDue() {
        steps.heldOut(iteration -> iteration == 4 ? 0.1 : iteration);

        start("until.iterations=7", "evaluation.every=2", "checkpoints.every=100", "reference.refresh=best")
                .result()
                .block();

        assertThat(steps.calls().stream().filter(call -> call.matches("(evaluate|refresh|checkpoint) .*")))
                .containsExactly(
                        "evaluate 0",
                        "evaluate 2",
                        "refresh 2",
                        "checkpoint 2",
                        "evaluate 4",
                        "evaluate 6",
                        "refresh 6",
                        "checkpoint 6",
                        "evaluate 7",
                        "checkpoint 7");
    }

    @Test
    void everyShardIsGeneratedAndScoredOnce() {
        start("until.iterations=1", "sampling.shards=4").result().block();

        assertThat(steps.calls()).contains("generate 1/0", "generate 1/1", "generate 1/2", "generate 1/3");
        assertThat(steps.calls()).contains("score 1/0", "score 1/1", "score 1/2", "score 1/3");
    }

    @Test
    void aShardThatComesWithScoresIsNotScoredAgain() {
        steps.scoreAtOnce(0.75);

        RunHandle run = start("until.iterations=2", "sampling.shards=2");
        run.result().block();

        assertThat(steps.calls()).contains("generate 2/1", "pair 2").noneMatch(call -> call.startsWith("score"));
        assertThat(run.history(0))
                .hasSize(2)
                .allSatisfy(row -> assertThat(row.values()).containsEntry("objective/scores", 0.75));
    }

    @Test
    void aFailedStepIsTriedAgain() {
        steps.failOnce("step 1");

        RunResult result = start("until.iterations=1").result().block();

        assertThat(result).isNotNull();
        assertThat(steps.calls().stream().filter("step 1"::equals)).hasSize(2);
    }

    @Test
    void aStepThatKeepsFailingEndsTheRunWithItsReason() {
        steps.failAlways("pair 1");
        RunHandle run = start("until.iterations=1");
        temporal.sleep(Duration.ofMinutes(1));

        assertThatThrownBy(() -> run.result().block())
                .isInstanceOf(RunFailedException.class)
                .hasMessageContaining("pair 1 does not work");
        assertThat(run.progress().state()).isEqualTo(State.FAILED);
        assertThat(run.progress().reason())
                .hasValueSatisfying(reason -> assertThat(reason).contains("pair 1 does not work"));
    }

    @Test
    void theLeaseOfATrainerThatDoesNotAnswerGoesToAnother() {
        steps.leaseTo("a process that is dead");

        RunHandle run = start("until.iterations=1");
        temporal.sleep(Duration.ofSeconds(20));

        assertThat(run.result().block()).isNotNull();
        assertThat(steps.calls()).containsOnlyOnce("warm-up 0", "step 1");
    }

    @Test
    void aPausedRunHoldsBehindACheckpointAndGoesOn() {
        RunHandle run = start("until.iterations=3");
        steps.during("generate 2/0", run::pause);

        awaitState(run, State.PAUSED);
        assertThat(steps.calls()).contains("record 2", "checkpoint 2").doesNotContain("sample 3");

        run.resume();
        assertThat(run.result().block()).extracting(RunResult::iteration).isEqualTo(3);
        assertThat(steps.calls()).containsOnlyOnce("step 1", "step 2", "step 3");
    }

    @Test
    void aPauseShowsAtOnceInTheWarmUpToo() {
        RunHandle run = start("until.iterations=1");
        steps.during("warm-up 0", () -> {
            run.pause();
            awaitState(run, State.PAUSING);
        });

        awaitState(run, State.PAUSED);
        assertThat(steps.calls()).doesNotContain("warm-up 100");

        run.resume();
        assertThat(run.result().block()).isNotNull();
    }

    @Test
    void aStoppedRunFinishesTheIterationAndExports() {
        RunHandle run = start("until.iterations=50");
        steps.during("generate 2/0", run::stop);

        assertThat(run.result().block()).isEqualTo(new RunResult(2, "stopped by request", "policy", "sha"));
        assertThat(steps.calls()).contains("evaluate 2", "checkpoint 2", "export 2");
    }

    @Test
    void aWarningStandsInTheRowOfItsIterationAndTheRunGoesOn() {
        steps.kl(iteration -> iteration == 2 ? 99 : 0);

        RunHandle run = start("until.iterations=3");

        assertThat(run.result().block()).extracting(RunResult::reason).isEqualTo("3 iterations done");
        assertThat(run.history(0))
                .extracting(row -> row.value("health/kl").orElse(0.0))
                .containsExactly(0.0, 99.0, 0.0);
    }

    @Test
    void anUnhealthyRunPausesBehindACheckpointWhereThatIsAskedFor() {
        steps.kl(iteration -> iteration >= 2 ? 99 : 0);
        RunHandle run = start("until.iterations=4", "health.on-unhealthy=pause");

        awaitState(run, State.PAUSED);
        assertThat(steps.calls()).contains("record 2", "checkpoint 2").doesNotContain("sample 3");

        run.resume();
        assertThat(run.result().block()).extracting(RunResult::iteration).isEqualTo(4);
    }

    @Test
    void anUnhealthyRunStopsWhereThatIsAskedFor() {
        steps.kl(iteration -> iteration == 2 ? 99 : 0);

        RunResult result =
                start("until.iterations=4", "health.on-unhealthy=stop").result().block();

        assertThat(result)
                .isEqualTo(new RunResult(
                        2,
                        "unhealthy: the policy is 99.0 nats from the reference, above health.kl-above 20.0",
                        "policy",
                        "sha"));
    }

    /** The best by evaluation is 2; the unhealthy one would be better still, but does not count. */
    @Test
    void anUnhealthyIterationIsFollowedByOneFromTheBestState() {
        steps.kl(iteration -> iteration == 4 ? 99 : 0);
        steps.heldOut(iteration -> Map.of(0, 0.1, 2, 0.5, 4, 0.9).getOrDefault(iteration, 0.3));

        RunHandle run = start(
                "until.iterations=6", "evaluation.every=2", "checkpoints.every=100", "health.on-unhealthy=rollback");

        assertThat(run.result().block()).extracting(RunResult::iteration).isEqualTo(6);
        assertThat(steps.parents()).containsExactly(Map.entry(5, 2));
        assertThat(steps.calls())
                .contains("checkpoint 2", "record 4", "sample 5", "export 6")
                .doesNotContain("checkpoint 4");
    }

    @Test
    void aRunThatEndsUnhealthyExportsWhatItWasRolledBackTo() {
        steps.kl(iteration -> iteration == 3 ? 99 : 0);
        steps.heldOut(iteration -> iteration == 2 ? 0.5 : 0.1);

        RunResult result = start("until.iterations=3", "evaluation.every=2", "health.on-unhealthy=rollback")
                .result()
                .block();

        assertThat(result).extracting(RunResult::iteration).isEqualTo(3);
        assertThat(steps.calls()).contains("export 2");
    }

    @Test
    void anAdjustmentTakesEffectAtTheNextIterationAndIsStored() {
        RunHandle run = start("until.iterations=3");
        steps.during("generate 1/0", () -> run.adjust(Map.of("dpo.beta", 0.5)));

        run.result().block();
        assertThat(steps.betas()).containsExactly(0.1, 0.5, 0.5);
        assertThat(steps.calls()).contains("adjust 2 {dpo.beta=0.5}");
    }

    @Test
    void aBadAdjustmentIsRefusedWithItsReasonAndLeavesNoTrace() {
        RunHandle run = start("until.iterations=3");
        List<String> refused = new ArrayList<>();
        steps.during("generate 1/0", () -> {
            for (Map<String, Object> changes : List.<Map<String, Object>>of(
                    Map.of("dpo.beta", -1), Map.of("dpo.bta", 1), Map.of("seed", 3), Map.of())) {
                try {
                    run.adjust(changes);
                } catch (InvalidInputException e) {
                    refused.add(String.valueOf(e.getMessage()));
                }
            }
        });

        run.result().block();
        assertThat(refused).hasSize(4);
        assertThat(refused.get(0)).contains("dpo.beta").contains("found -1");
        assertThat(refused.get(1)).contains("did you mean dpo.beta");
        assertThat(refused.get(2)).contains("seed: can't change");
        assertThat(steps.betas()).containsExactly(0.1, 0.1, 0.1);
        assertThat(temporal.getWorkflowClient().fetchHistory("run").getEvents())
                .noneMatch(event -> event.hasWorkflowExecutionUpdateAcceptedEventAttributes());
    }

    @Test
    void aLongRunContinuesAsNewAndCountsEveryIterationOnce() {
        RunHandle run = start("until.iterations=400", "evaluation.every=100", "checkpoints.every=100");

        assertThat(run.result().block()).extracting(RunResult::iteration).isEqualTo(400);
        assertThat(steps.calls().stream().filter(call -> call.startsWith("record ")))
                .containsExactlyElementsOf(IntStream.rangeClosed(0, 400)
                        .mapToObj(iteration -> "record " + iteration)
                        .toList());
        assertThat(steps.calls()).containsOnlyOnce("open");
        assertThat(steps.runIds()).hasSizeGreaterThan(1);
        assertThat(temporal.getWorkflowClient()
                        .newUntypedWorkflowStub("run")
                        .describe()
                        .getMemo("runDirectory", String.class))
                .isEqualTo(folder.toString());
    }

    @Test
    void anAdjustmentIsNotLostWhereALongRunContinuesAsNew() {
        RunHandle run = start("until.iterations=400", "evaluation.every=100", "checkpoints.every=100");
        IntStream.rangeClosed(1, 400)
                .forEach(iteration -> steps.during(
                        "step " + iteration, () -> run.adjust(Map.of("dpo.beta", 0.1 + iteration / 1000.0))));

        run.result().block();

        assertThat(steps.runIds()).hasSizeGreaterThan(1);
        assertThat(steps.betas())
                .containsExactlyElementsOf(IntStream.rangeClosed(1, 400)
                        .mapToObj(iteration -> 0.1 + (iteration - 1) / 1000.0)
                        .toList());
    }

    private RunHandle start(String... settings) {
        WorkflowClient client = temporal.getWorkflowClient();
        return RunHandle.start(client, "run", TrainingInput.start(spec(settings), folder.toString()));
    }

    private RunSpec spec(String... settings) {
        Path file = folder.resolve("run.yaml");
        try {
            Files.writeString(file, """
                    model: { policy: base }
                    warmup: { data: warmup.jsonl, steps: 200 }
                    data: { prompts: train.jsonl, held-out: heldout.jsonl }
                    reward: { verifier: { kind: regex, pattern: a } }
                    reference: { every: 2 }
                    """);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return RunFile.read(file, List.of(settings));
    }

    private static void awaitState(RunHandle run, State state) {
        run.progress(Duration.ofMillis(20))
                .filter(progress -> progress.state() == state)
                .blockFirst(Duration.ofSeconds(20));
    }
}
