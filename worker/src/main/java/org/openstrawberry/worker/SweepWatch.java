package org.openstrawberry.worker;

import io.temporal.client.WorkflowClient;
import java.io.PrintStream;
import java.time.Duration;
import java.util.HashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.Progress;
import org.openstrawberry.workflows.SweepResults;
import org.openstrawberry.workflows.SweepResults.State;
import org.openstrawberry.workflows.SweepResults.TrialResult;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.SweepHandle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;

/** Shows a sweep: a line for each change of a trial, and one for each held-out result of a trial under way. */
final class SweepWatch {
    private static final Logger log = LoggerFactory.getLogger(SweepWatch.class);
    private static final Duration LOOK = Duration.ofMillis(500);

    private final WorkflowClient client;
    private final PrintStream out;
    private final Set<String> shown = new HashSet<>();
    private boolean closed;

    SweepWatch(WorkflowClient client, PrintStream out) {
        this.client = client;
        this.out = out;
    }

    /**
     * Shows a sweep.
     *
     * @param left ends the watching when it gives a value
     * @return the results; empty where the watching ended first
     */
    Optional<SweepResults> until(SweepHandle sweep, Mono<?> left) {
        Mono<Optional<SweepResults>> ended = sweep.result().map(Optional::of);
        Mono<Optional<SweepResults>> watched =
                sweep.results(LOOK).doOnNext(this::show).then(Mono.never());
        Optional<SweepResults> results = Mono.firstWithSignal(
                        ended, left.map(any -> Optional.<SweepResults>empty()), watched)
                .blockOptional()
                .orElse(Optional.empty());
        results.ifPresent(this::show);
        close();
        return results;
    }

    /** A question that is under way shows nothing more. */
    private synchronized void close() {
        closed = true;
    }

    /** Gives a value once nothing of a sweep that is to pause goes on. */
    static Mono<SweepResults> paused(WorkflowClient client, SweepHandle sweep) {
        return sweep.results(LOOK)
                .filter(results -> results.trials().stream()
                        .filter(trial -> trial.state() == State.RUNNING)
                        .allMatch(trial -> progress(client, trial)
                                .filter(progress -> progress.state() == Progress.State.PAUSED)
                                .isPresent()))
                .next();
    }

    private synchronized void show(SweepResults results) {
        if (closed) {
            return;
        }
        for (TrialResult trial : results.trials()) {
            String line = "trial " + trial.trial() + "  " + trial.state().written() + "  ";
            switch (trial.state()) {
                case WAITING -> {}
                case RUNNING -> {
                    String from = trial.iterations() > 0 ? " from iteration " + trial.iterations() : "";
                    print(line + SweepTable.words(trial.settings()) + from);
                    progress(client, trial).flatMap(Progress::last).ifPresent(row -> heldOut(trial, row));
                }
                default ->
                    print(line + trial.iterations() + " iterations  "
                            + results.measure().written() + " " + SweepTable.value(trial.value()));
            }
        }
    }

    private void heldOut(TrialResult trial, IterationMetrics row) {
        String name = row.value("eval/judge").isPresent() ? "judge" : "accuracy";
        row.value("eval/" + name)
                .ifPresent(value -> print(String.format(
                        Locale.ROOT, "trial %s  iteration %d  %s %.4f", trial.trial(), row.iteration(), name, value)));
    }

    private void print(String line) {
        if (shown.add(line)) {
            out.println(line);
        }
    }

    /** What a trial's run says of itself; a question that fails is asked again with the next look. */
    private static Optional<Progress> progress(WorkflowClient client, TrialResult trial) {
        try {
            return Optional.of(RunHandle.attach(client, trial.run()).progress());
        } catch (RuntimeException e) {
            log.debug("a question to trial {} failed", trial.trial(), e);
            return Optional.empty();
        }
    }
}
