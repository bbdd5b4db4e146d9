package org.openstrawberry.activities.runtime;

import io.temporal.common.interceptors.WorkerInterceptorBase;
import io.temporal.common.interceptors.WorkflowInboundCallsInterceptor;
import io.temporal.common.interceptors.WorkflowInboundCallsInterceptorBase;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.unsafe.WorkflowUnsafe;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.steps.RunRef;

/** Sees runs fail, which no step tells. Looks on only: it adds nothing to a workflow's history. */
public final class RunEndInterceptor extends WorkerInterceptorBase {
    private final RunListener listener;

    /** @param listener told of failures */
    public RunEndInterceptor(RunListener listener) {
        this.listener = listener;
    }

    @Override
    public WorkflowInboundCallsInterceptor interceptWorkflow(WorkflowInboundCallsInterceptor next) {
        return new WorkflowInboundCallsInterceptorBase(next) {
            @Override
            public WorkflowOutput execute(WorkflowInput input) {
                try {
                    return super.execute(input);
                } catch (TemporalFailure e) {
                    if (!WorkflowUnsafe.isReplaying()
                            && input.getArguments().length > 0
                            && input.getArguments()[0] instanceof TrainingInput training) {
                        String id = Workflow.getInfo().getWorkflowId();
                        listener.failed(new RunRef(id, training.directoryOf(id)));
                    }
                    throw e;
                }
            }
        };
    }
}
