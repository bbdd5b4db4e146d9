package org.openstrawberry.worker;

import io.temporal.activity.ActivityOptions;
import io.temporal.activity.LocalActivityOptions;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.common.RetryOptions;
import io.temporal.common.SimplePlugin;
import io.temporal.common.interceptors.WorkerInterceptorBase;
import io.temporal.common.interceptors.WorkflowInboundCallsInterceptor;
import io.temporal.common.interceptors.WorkflowInboundCallsInterceptorBase;
import io.temporal.common.interceptors.WorkflowOutboundCallsInterceptor;
import io.temporal.common.interceptors.WorkflowOutboundCallsInterceptorBase;
import java.time.Duration;

/** Steps that fail are tried again as often as ever, but at once: the in-process server's time is real. */
final class ShortBackOff extends WorkerInterceptorBase {
    private static final Duration INTERVAL = Duration.ofMillis(1);

    private ShortBackOff() {}

    /** A server whose workers do so. */
    static EmbeddedTemporal temporal() {
        return EmbeddedTemporal.start(WorkflowClientOptions.newBuilder()
                .setPlugins(SimplePlugin.newBuilder("short-back-off")
                        .addWorkerInterceptors(new ShortBackOff())
                        .build())
                .validateAndBuildWithDefaults());
    }

    @Override
    public WorkflowInboundCallsInterceptor interceptWorkflow(WorkflowInboundCallsInterceptor next) {
        return new WorkflowInboundCallsInterceptorBase(next) {
            @Override
            public void init(WorkflowOutboundCallsInterceptor calls) {
                next.init(new Calls(calls));
            }
        };
    }

    private static RetryOptions atOnce(RetryOptions retries) {
        return RetryOptions.newBuilder(retries)
                .setInitialInterval(INTERVAL)
                .setMaximumInterval(INTERVAL)
                .build();
    }

    private static final class Calls extends WorkflowOutboundCallsInterceptorBase {
        Calls(WorkflowOutboundCallsInterceptor next) {
            super(next);
        }

        @Override
        public <R> ActivityOutput<R> executeActivity(ActivityInput<R> call) {
            ActivityOptions options = call.getOptions();
            return super.executeActivity(new ActivityInput<>(
                    call.getActivityName(),
                    call.getResultClass(),
                    call.getResultType(),
                    call.getArgs(),
                    ActivityOptions.newBuilder(options)
                            .setRetryOptions(atOnce(options.getRetryOptions()))
                            .build(),
                    call.getHeader()));
        }

        @Override
        public <R> LocalActivityOutput<R> executeLocalActivity(LocalActivityInput<R> call) {
            LocalActivityOptions options = call.getOptions();
            return super.executeLocalActivity(new LocalActivityInput<>(
                    call.getActivityName(),
                    call.getResultClass(),
                    call.getResultType(),
                    call.getArgs(),
                    LocalActivityOptions.newBuilder(options)
                            .setRetryOptions(atOnce(options.getRetryOptions()))
                            .build(),
                    call.getHeader()));
        }
    }
}
