package org.openstrawberry.worker;

import java.util.List;
import java.util.Optional;
import org.openstrawberry.activities.runtime.RunListener;
import org.openstrawberry.worker.mlflow.MlflowLog;
import org.openstrawberry.workflows.steps.RunRef;
import picocli.CommandLine.Mixin;

/** What a process tells other programs of its runs: metrics, traces, MLflow. */
final class MonitoringOptions {
    /** Why a command with {@code --server} refuses these options. */
    static final String OF_WORKERS = "with --server; it is an option of the workers there (./strawberry worker)";

    @Mixin
    private OfSteps steps = new OfSteps();

    @Mixin
    private MlflowOptions mlflow = new MlflowOptions();

    /** Refuses options where they would have no effect, but not the environment's variables. */
    void refuse(String where) {
        steps.refuse(where);
        mlflow.refuse(where);
    }

    /** Begins with all that is asked for. */
    Opened open() {
        Opened opened = steps.open();
        try {
            return new Opened(opened.endpoint(), opened.traces(), mlflow.open());
        } catch (RuntimeException e) {
            opened.close();
            throw e;
        }
    }

    /** What can be told of any step, also of those that belong to no run of MLflow. */
    static final class OfSteps {
        @Mixin
        private MetricsEndpoint.Address metrics = new MetricsEndpoint.Address();

        @Mixin
        private TraceOptions traces = new TraceOptions();

        /** As of all options. */
        void refuse(String where) {
            metrics.refuse(where);
            traces.refuse(where);
        }

        /** Begins with what is asked for. */
        Opened open() {
            MetricsEndpoint endpoint = metrics.open();
            try {
                return new Opened(endpoint, traces.open(), Optional.empty());
            } catch (RuntimeException e) {
                endpoint.close();
                throw e;
            }
        }
    }

    /** All of it under way. */
    record Opened(MetricsEndpoint endpoint, TraceOptions.Traces traces, Optional<MlflowLog> mlflow)
            implements AutoCloseable {
        /** For the workers. */
        Monitoring monitoring() {
            return new Monitoring(
                    endpoint.meters(),
                    traces.spans(),
                    mlflow.<List<RunListener>>map(List::of).orElse(List.of()));
        }

        /** Tells of a run that nothing is to be done for any more: what was missed when it ended is sent now. */
        void standsFinished(RunRef run) {
            mlflow.ifPresent(log -> log.finished(run));
        }

        @Override
        public void close() {
            mlflow.ifPresent(MlflowLog::close);
            traces.close();
            endpoint.close();
        }
    }
}
