package org.openstrawberry.activities.runtime;

import java.util.List;
import java.util.Map;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.steps.RunRef;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Told of what becomes of the runs of this process, for those who only look on: metrics, other programs. Called by the steps
 * themselves and, of failures, by the workflow's thread, so it must be quick and not wait for anybody.
 */
public interface RunListener {
    /** A workflow has taken the run up. */
    default void opened(RunRef run) {}

    /** An iteration's row is in {@code metrics.jsonl}. */
    default void recorded(RunRef run, IterationMetrics row) {}

    /**
     * The training of a reward model has come to a checkpoint. It has nothing of a run but its directory, and of the other
     * methods none is called for it.
     *
     * @param step steps taken
     * @param steps to take in all
     * @param metrics of the last of them, and of the last evaluation
     */
    default void trained(RunRef run, int step, int steps, Map<String, Double> metrics) {}

    /** The run has ended and {@code result.json} is written. */
    default void finished(RunRef run) {}

    /** The run's workflow has failed, or was cancelled. */
    default void failed(RunRef run) {}

    /** Tells all of them. What one throws is logged: who looks on never fails a run. */
    static RunListener all(List<? extends RunListener> listeners) {
        return new RunListener() {
            private final Logger log = LoggerFactory.getLogger(RunListener.class);

            @Override
            public void opened(RunRef run) {
                listeners.forEach(listener -> safely(() -> listener.opened(run)));
            }

            @Override
            public void recorded(RunRef run, IterationMetrics row) {
                listeners.forEach(listener -> safely(() -> listener.recorded(run, row)));
            }

            @Override
            public void trained(RunRef run, int step, int steps, Map<String, Double> metrics) {
                listeners.forEach(listener -> safely(() -> listener.trained(run, step, steps, metrics)));
            }

            @Override
            public void finished(RunRef run) {
                listeners.forEach(listener -> safely(() -> listener.finished(run)));
            }

            @Override
            public void failed(RunRef run) {
                listeners.forEach(listener -> safely(() -> listener.failed(run)));
            }

            private void safely(Runnable telling) {
                try {
                    telling.run();
                } catch (RuntimeException e) {
                    log.warn("a run is not shown", e);
                }
            }
        };
    }
}
