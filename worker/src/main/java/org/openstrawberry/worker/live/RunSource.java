package org.openstrawberry.worker.live;

import io.temporal.client.WorkflowExecutionMetadata;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.workflows.RunAttributes;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.Strawberry;

/** The runs that a page shows. */
public interface RunSource {
    /**
     * A run to show.
     *
     * @param directory where it lives; whether it can be read from here is seen when it is
     * @param execution another one where the run was started again under its id; empty where that can't be
     */
    record Shown(String id, RunHandle handle, Path directory, String execution) {
        /** The run of this process. */
        public Shown(String id, RunHandle handle, Path directory) {
            this(id, handle, directory, "");
        }

        /** Whether the run's directory is there for this process, and the run's own. */
        boolean isReachable() {
            return Files.exists(directory.resolve(RunLayout.RUN_FILE))
                    && RunSetup.serverOf(directory)
                            .map(server -> server.endsWith(" as " + id))
                            .orElse(true);
        }
    }

    /** A line of the list. */
    record Line(
            String id,
            String status,
            String started,
            Optional<String> task,
            Optional<String> phase,
            Optional<Long> iteration,
            Optional<Double> loss,
            Optional<Double> reward,
            Optional<Double> accuracy) {}

    /** The run of that id. */
    Optional<Shown> find(String id);

    /** Whether a run that was found is the one that its id means now. */
    default boolean isStill(Shown run) {
        return true;
    }

    /** One run. */
    record One(Shown run) implements RunSource {
        @Override
        public Optional<Shown> find(String id) {
            return Optional.of(run).filter(shown -> shown.id().equals(id));
        }
    }

    /** All runs of a server. */
    record All(Strawberry server) implements RunSource {
        private static final int LONGEST_LIST = 100;

        @Override
        public Optional<Shown> find(String id) {
            if (!server.has(id)) {
                return Optional.empty();
            }
            RunHandle handle = server.attach(id);
            return handle.isRun()
                    ? Optional.of(new Shown(id, handle, Path.of(handle.directory()), handle.execution()))
                    : Optional.empty();
        }

        @Override
        public boolean isStill(Shown run) {
            return run.handle().execution().equals(run.execution());
        }

        /** The newest first. */
        List<Line> lines() {
            return server.runs().limit(LONGEST_LIST).map(All::line).toList();
        }

        private static Line line(WorkflowExecutionMetadata run) {
            return new Line(
                    run.getExecution().getWorkflowId(),
                    run.getStatus()
                            .name()
                            .replace("WORKFLOW_EXECUTION_STATUS_", "")
                            .toLowerCase(Locale.ROOT),
                    String.valueOf(run.getStartTime()),
                    Optional.ofNullable(run.getTypedSearchAttributes().get(RunAttributes.TASK)),
                    Optional.ofNullable(run.getTypedSearchAttributes().get(RunAttributes.PHASE)),
                    Optional.ofNullable(run.getTypedSearchAttributes().get(RunAttributes.ITERATION)),
                    Optional.ofNullable(run.getTypedSearchAttributes().get(RunAttributes.LOSS)),
                    Optional.ofNullable(run.getTypedSearchAttributes().get(RunAttributes.REWARD)),
                    Optional.ofNullable(run.getTypedSearchAttributes().get(RunAttributes.ACCURACY)));
        }
    }
}
