package org.openstrawberry.workflows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.testing.WorkflowHistoryLoader;
import io.temporal.testing.WorkflowReplayer;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerOptions;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.steps.TaskQueues;

/**
 * Histories that earlier versions have recorded must replay on today's workflow code: runs live longer than versions.
 * tools/record-history records them; docs/operations.md says how to change the code so that they still replay.
 */
class ReplayTest {
    private static final Path HISTORIES = Path.of("src", "test", "resources", "histories");

    static List<Path> runs() throws IOException {
        return histories("-pause-adjust-stop.json");
    }

    static List<Path> sweeps() throws IOException {
        return histories("-sweep.json");
    }

    static List<Path> rewardModels() throws IOException {
        return histories("-reward-model.json");
    }

    private static List<Path> histories(String kind) throws IOException {
        try (Stream<Path> files = Files.list(HISTORIES)) {
            return files.filter(file -> file.toString().endsWith(kind)).sorted().toList();
        }
    }

    @Test
    void thereAreHistories() throws Exception {
        assertThat(runs()).isNotEmpty();
        assertThat(sweeps()).isNotEmpty();
        assertThat(rewardModels()).isNotEmpty();
    }

    @ParameterizedTest
    @MethodSource("runs")
    void anOlderRunReplays(Path history) throws Exception {
        replay(history, OnlineDpo.class);
    }

    @ParameterizedTest
    @MethodSource("sweeps")
    void anOlderSweepReplays(Path history) throws Exception {
        replay(history, HyperparameterSearch.class);
    }

    @ParameterizedTest
    @MethodSource("rewardModels")
    void anOlderTrainingOfARewardModelReplays(Path history) throws Exception {
        replay(history, RewardModelTraining.class);
    }

    @ParameterizedTest
    @MethodSource("runs")
    void itDoesNotReplayOnCodeThatDoesMore(Path history) {
        assertThatThrownBy(() -> replay(history, Changed.class)).hasStackTraceContaining("NonDeterministic");
    }

    @ParameterizedTest
    @MethodSource("runs")
    void itReplaysWhereTheChangeIsBehindAVersion(Path history) throws Exception {
        replay(history, ChangedBehindAVersion.class);
    }

    private static void replay(Path history, Class<?> workflow) throws Exception {
        try (TestWorkflowEnvironment environment = TestWorkflowEnvironment.newInstance()) {
            // A machine that is busy with other things isn't a deadlock.
            Worker worker = environment.newWorker(
                    TaskQueues.RUNS,
                    WorkerOptions.newBuilder()
                            .setDefaultDeadlockDetectionTimeout(60_000)
                            .build());
            worker.registerWorkflowImplementationTypes(workflow);
            WorkflowReplayer.replayWorkflowExecution(WorkflowHistoryLoader.readHistory(history.toFile()), worker);
        }
    }

    /** Today's workflow after one more command. */
    public static final class Changed extends Changing {
        /** As the workflow itself. */
        @WorkflowInit
        public Changed(TrainingInput input) {
            super(input);
        }

        @Override
        void change() {
            Workflow.sleep(Duration.ofSeconds(1));
        }
    }

    /** The same for runs that start from now on. */
    public static final class ChangedBehindAVersion extends Changing {
        /** As the workflow itself. */
        @WorkflowInit
        public ChangedBehindAVersion(TrainingInput input) {
            super(input);
        }

        @Override
        void change() {
            if (Workflow.getVersion("rest-first", Workflow.DEFAULT_VERSION, 1) >= 1) {
                Workflow.sleep(Duration.ofSeconds(1));
            }
        }
    }

    private abstract static class Changing implements TrainingWorkflow {
        private final OnlineDpo unchanged;

        Changing(TrainingInput input) {
            unchanged = new OnlineDpo(input);
        }

        abstract void change();

        @Override
        public RunResult train(TrainingInput input) {
            change();
            return unchanged.train(input);
        }

        @Override
        public void pause() {
            unchanged.pause();
        }

        @Override
        public void resume() {
            unchanged.resume();
        }

        @Override
        public void stop() {
            unchanged.stop();
        }

        @Override
        public RunSpec adjust(Map<String, Object> changes) {
            return unchanged.adjust(changes);
        }

        @Override
        public void validateAdjust(Map<String, Object> changes) {
            unchanged.validateAdjust(changes);
        }

        @Override
        public Progress progress() {
            return unchanged.progress();
        }

        @Override
        public List<IterationMetrics> history(int after) {
            return unchanged.history(after);
        }

        @Override
        public RunSpec spec() {
            return unchanged.spec();
        }
    }
}
