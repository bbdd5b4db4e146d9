package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.temporal.client.WorkflowOptions;
import io.temporal.worker.WorkerFactory;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class EmbeddedTemporalTest {
    private static final int TIMES = 5;

    /** Goes on as a new execution so many times; says how often it did. */
    @WorkflowInterface
    public interface GoingOn {
        @WorkflowMethod
        int goOn(int times, int done);
    }

    public static final class GoesOn implements GoingOn {
        @Override
        public int goOn(int times, int done) {
            Workflow.sleep(Duration.ofMillis(1));
            if (done < times) {
                Workflow.continueAsNew(times, done + 1);
            }
            return done;
        }
    }

    /** By reflection, as it is done: another version of the server that names things otherwise is noticed here. */
    @Test
    void theServerKeepsNoNotesOfItsLocks() throws ReflectiveOperationException {
        try (EmbeddedTemporal temporal = EmbeddedTemporal.start()) {
            WorkerFactory workers = WorkerFactory.newInstance(temporal.client());
            workers.newWorker("queue").registerWorkflowImplementationTypes(GoesOn.class);
            workers.start();
            GoingOn workflow = temporal.client()
                    .newWorkflowStub(
                            GoingOn.class,
                            WorkflowOptions.newBuilder().setTaskQueue("queue").build());

            assertThat(workflow.goOn(TIMES, 0)).isEqualTo(TIMES);

            assertThat(temporal.lockNotes().kept()).isEmpty();
            workers.shutdownNow();
        }
    }
}
