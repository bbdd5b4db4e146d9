package org.openstrawberry.workflows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.temporal.failure.ApplicationFailure;
import io.temporal.testing.TestWorkflowEnvironment;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.openstrawberry.workflows.client.RewardTrainingHandle;
import org.openstrawberry.workflows.client.RunFailedException;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.steps.HostActivities;
import org.openstrawberry.workflows.steps.RewardTrainingActivities;
import org.openstrawberry.workflows.steps.RunRef;
import org.openstrawberry.workflows.steps.TaskQueues;

/** Trainings of reward models on the in-process server; the steps only say that they were called. */
class RewardModelTrainingTest {
    private static final String HOST = "trainer-1";

    private final TestWorkflowEnvironment temporal = TestWorkflowEnvironment.newInstance();
    private final Fake steps = new Fake();

    @BeforeEach
    void start() {
        RunAttributes.types().forEach(temporal::registerSearchAttribute);
        temporal.newWorker(TaskQueues.RUNS).registerWorkflowImplementationTypes(RewardModelTraining.class);
        temporal.newWorker(TaskQueues.TRAINER).registerActivitiesImplementations(steps);
        temporal.newWorker(HOST).registerActivitiesImplementations(steps);
        temporal.start();
    }

    @AfterEach
    void close() {
        temporal.close();
    }

    @Test
    void itGoesFromWhereTheDirectoryStandsToTheLastStepByCheckpoints() {
        steps.standsAt = 10;

        assertThat(train().result().block())
                .extracting(RewardTrainingActivities.Exported::steps)
                .isEqualTo(25);

        assertThat(steps.calls).containsExactly("lease", "begin /run", "advance 10", "advance 20", "export 25");
    }

    @Test
    void aPauseWaitsForTheCheckpointAndTheCommandsOfRunsSteerIt() {
        RunHandle run = RunHandle.attach(temporal.getWorkflowClient(), "model");
        steps.inFirstSteps = run::pause;

        RewardTrainingHandle training = train();
        Progress paused = training.progress(Duration.ofMillis(20))
                .filter(progress -> progress.state() == Progress.State.PAUSED)
                .next()
                .block();

        assertThat(paused).isNotNull();
        assertThat(paused.iteration()).isEqualTo(10);
        assertThat(paused.accuracy()).hasValue(0.5);
        assertThat(steps.calls).containsExactly("lease", "begin /run", "advance 0");
        run.resume();
        training.result().block();
        assertThat(steps.calls).endsWith("advance 10", "advance 20", "export 25");
    }

    @Test
    void aStoppedTrainingReachesItsCheckpointAndExportsTheModelAsItIsThen() {
        RunHandle run = RunHandle.attach(temporal.getWorkflowClient(), "model");
        steps.inFirstSteps = run::stop;

        RewardTrainingActivities.Exported stopped = train().result().block();

        assertThat(stopped).isNotNull();
        assertThat(stopped.steps()).isEqualTo(10);
        assertThat(stopped.of()).isEqualTo(25);
        assertThat(steps.calls).containsExactly("lease", "begin /run", "advance 0", "export 10");
        assertThat(run.trainsRewardModel()).isTrue();
    }

    @Test
    void aPausedTrainingMayBeStopped() {
        RunHandle run = RunHandle.attach(temporal.getWorkflowClient(), "model");
        steps.inFirstSteps = run::pause;
        RewardTrainingHandle training = train();
        training.progress(Duration.ofMillis(20))
                .filter(progress -> progress.state() == Progress.State.PAUSED)
                .next()
                .block();

        training.stop();

        assertThat(training.result().block())
                .extracting(RewardTrainingActivities.Exported::steps)
                .isEqualTo(10);
    }

    @Test
    void aStepThatCannotSucceedEndsTheTrainingWithItsReason() {
        steps.inFirstSteps = () -> {
            throw ApplicationFailure.newNonRetryableFailure("the gradient is not finite", "ArithmeticException");
        };

        assertThatThrownBy(() -> train().result().block())
                .isInstanceOf(RunFailedException.class)
                .hasMessage("the gradient is not finite");
    }

    private RewardTrainingHandle train() {
        return RewardTrainingHandle.start(temporal.getWorkflowClient(), "model", "/run");
    }

    private static final class Fake implements RewardTrainingActivities, HostActivities {
        private static final int STEPS = 25;

        private final ConcurrentLinkedQueue<String> calls = new ConcurrentLinkedQueue<>();
        private volatile int standsAt;
        private volatile Runnable inFirstSteps = () -> {};

        @Override
        public Standing begin(RunRef run) {
            calls.add("begin " + run.directory());
            return standing(standsAt);
        }

        @Override
        public Standing advance(RunRef run, int step) {
            calls.add("advance " + step);
            if (step == 0) {
                inFirstSteps.run();
            }
            return standing(Math.min(STEPS, step + 10));
        }

        @Override
        public Exported export(RunRef run, int step) {
            calls.add("export " + step);
            return new Exported(step, STEPS, Map.of(), "model", "sha");
        }

        private static Standing standing(int step) {
            return new Standing(step, STEPS, Map.of("eval_accuracy", 0.5));
        }

        @Override
        public String lease(RunRef run) {
            calls.add("lease");
            return HOST;
        }

        @Override
        public void ping() {
            throw new IllegalStateException("nobody was silent");
        }
    }
}
