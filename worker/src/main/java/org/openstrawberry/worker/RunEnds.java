package org.openstrawberry.worker;

import io.temporal.api.enums.v1.WorkflowExecutionStatus;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowNotFoundException;
import java.util.Optional;
import java.util.function.Function;
import org.openstrawberry.activities.runtime.RunMeters.State;
import org.openstrawberry.workflows.client.Outcome;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What has become of runs, as their server knows it: of one that is terminated, no worker is told. */
record RunEnds(WorkflowClient client) implements Function<String, Optional<State>> {
    private static final Logger log = LoggerFactory.getLogger(RunEnds.class);

    /** Empty where the server can't be asked at the moment. */
    @Override
    public Optional<State> apply(String run) {
        try {
            return Optional.of(
                    state(client.newUntypedWorkflowStub(run).describe().getStatus()));
        } catch (WorkflowNotFoundException e) {
            log.debug("{} was deleted from its server, or ended long ago", run, e);
            return Optional.of(State.FAILED);
        } catch (RuntimeException e) {
            log.debug("whether {} is over is not known now", run, e);
            return Optional.empty();
        }
    }

    private static State state(WorkflowExecutionStatus status) {
        if (status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED) {
            return State.DONE;
        }
        return Outcome.hasEnded(status) ? State.FAILED : State.RUNNING;
    }
}
