package org.openstrawberry.workflows.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.ManagedChannel;
import io.temporal.activity.Activity;
import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityOptions;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowOptions;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.worker.Worker;
import io.temporal.workflow.Async;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

class OutcomeTest {
    private static final Duration BEAT = Duration.ofMillis(50);

    private final TestWorkflowEnvironment temporal = TestWorkflowEnvironment.newInstance();

    OutcomeTest() {
        Worker worker = temporal.newWorker("queue");
        worker.registerWorkflowImplementationTypes(GoesOn.class);
        worker.registerActivitiesImplementations((Beats) OutcomeTest::beat);
        temporal.start();
    }

    @AfterEach
    void close() {
        temporal.shutdownNow();
        // Else it waits for seconds for who still follows the execution that has lost its way.
        ((ManagedChannel) temporal.getWorkflowServiceStubs().getRawChannel()).shutdownNow();
        temporal.close();
    }

    @Test
    void theResultComesThoughAHeartbeatMeetsTheEndOfAnExecution() {
        assertThat(result("workflow", 2).block(Duration.ofSeconds(30))).isEqualTo("done");
    }

    private Mono<String> result(String id, int more) {
        WorkflowClient client = temporal.getWorkflowClient();
        Endless workflow = client.newWorkflowStub(
                Endless.class,
                WorkflowOptions.newBuilder()
                        .setWorkflowId(id)
                        .setTaskQueue("queue")
                        .build());
        WorkflowClient.start(workflow::go, more);
        return Outcome.of(client, id, String.class);
    }

    private static void beat() {
        try {
            while (true) {
                Activity.getExecutionContext().heartbeat("");
                Thread.sleep(BEAT.toMillis());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @ActivityInterface
    public interface Beats {
        void beat();
    }

    @WorkflowInterface
    public interface Endless {
        @WorkflowMethod
        String go(int more);
    }

    /**
     * The last execution but one is still at its last task while an activity's heartbeats come. The one before goes on in good
     * order: who has followed it asks for that execution and for no other.
     */
    public static class GoesOn implements Endless {
        private final Beats beats = Workflow.newActivityStub(
                Beats.class,
                ActivityOptions.newBuilder()
                        .setStartToCloseTimeout(Duration.ofMinutes(1))
                        .setHeartbeatTimeout(BEAT.multipliedBy(4))
                        .build());

        @Override
        public String go(int more) {
            if (more == 0) {
                return "done";
            }
            if (more == 1) {
                Async.procedure(beats::beat);
                Workflow.sleep(BEAT.multipliedBy(4));
            }
            workFor(BEAT.multipliedBy(8));
            return Workflow.newContinueAsNewStub(Endless.class).go(more - 1);
        }

        private static void workFor(Duration time) {
            try {
                Thread.sleep(time.toMillis());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
