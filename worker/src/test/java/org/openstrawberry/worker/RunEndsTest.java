package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import org.junit.jupiter.api.Test;
import org.openstrawberry.activities.runtime.RunMeters.State;
import org.openstrawberry.workflows.client.RunFailedException;
import org.openstrawberry.workflows.client.RunHandle;

class RunEndsTest {
    @Test
    void aRunLivesUntilItIsTerminatedAndOneThatIsNotThereHasEnded() {
        try (EmbeddedTemporal temporal = EmbeddedTemporal.start()) {
            RunEnds ends = new RunEnds(temporal.client());
            WorkflowStub workflow = temporal.client()
                    .newUntypedWorkflowStub(
                            "Any",
                            WorkflowOptions.newBuilder()
                                    .setWorkflowId("a")
                                    .setTaskQueue("nobody's")
                                    .build());
            workflow.start();
            assertThat(ends.apply("a")).contains(State.RUNNING);

            workflow.terminate("enough");
            assertThat(ends.apply("a")).contains(State.FAILED);
            assertThat(ends.apply("b")).contains(State.FAILED);
            assertThatThrownBy(() ->
                            RunHandle.attach(temporal.client(), "a").result().block())
                    .isInstanceOf(RunFailedException.class)
                    .hasMessage("terminated on the server");
        }
    }

    @Test
    void aServerThatCannotBeAskedTellsNothing() {
        EmbeddedTemporal temporal = EmbeddedTemporal.start();
        RunEnds ends = new RunEnds(temporal.client());
        temporal.close();

        assertThat(ends.apply("a")).isEmpty();
    }
}
