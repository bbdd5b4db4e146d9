package org.openstrawberry.worker;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.openstrawberry.config.HealthSpec;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.Progress;
import org.openstrawberry.workflows.RunResult;
import org.openstrawberry.workflows.client.RunHandle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import sun.misc.Signal;

/** Shows a run until it ends, or until the person who watches has had enough. */
final class RunWatch {
    private static final Logger log = LoggerFactory.getLogger(RunWatch.class);
    private static final Duration LOOK = Duration.ofMillis(200);

    private RunWatch() {}

    /** What Ctrl-C does, the first time; a second one ends the process at once. */
    static CountDownLatch onInterrupt(Runnable action) {
        CountDownLatch interrupted = new CountDownLatch(1);
        for (String name : List.of("INT", "TERM")) {
            Signal.handle(new Signal(name), signal -> {
                if (interrupted.getCount() == 0) {
                    Runtime.getRuntime().halt(Main.INTERRUPTED);
                }
                interrupted.countDown();
                action.run();
            });
        }
        return interrupted;
    }

    /**
     * Shows a run.
     *
     * @param spec of the run as it began to be watched
     * @param left ends the watching when it gives a value
     * @return the result; empty where the watching ended first
     */
    static Optional<RunResult> until(RunHandle run, RunSpec spec, Mono<?> left) {
        try (ProgressDisplay display = ProgressDisplay.of(spec.name(), () -> health(run, spec))) {
            Mono<Optional<RunResult>> ended = run.result().map(Optional::of);
            Mono<Optional<RunResult>> shown = run.progress(LOOK)
                    .concatMap(progress ->
                            run.historyAfter(display.shown()).doOnNext(rows -> display.show(progress, rows)))
                    .then(Mono.never());
            Optional<RunResult> result = Mono.firstWithSignal(
                            ended, left.map(any -> Optional.<RunResult>empty()), shown)
                    .block();
            display.showRows(run.history(display.shown()));
            return result == null ? Optional.empty() : result;
        }
    }

    /** The bounds that hold now, since they may have been adjusted; those of before where the run can't be asked. */
    private static Optional<HealthSpec> health(RunHandle run, RunSpec before) {
        try {
            return run.spec().health();
        } catch (RuntimeException e) {
            log.debug("the run's settings are not known at the moment", e);
            return before.health();
        }
    }

    /** Gives a value once the run is paused. */
    static Mono<Progress> paused(RunHandle run) {
        return pauses(run).next();
    }

    /** Gives a value each time the run is paused. */
    static Flux<Progress> pauses(RunHandle run) {
        return run.progress(LOOK)
                .distinctUntilChanged(Progress::state)
                .filter(progress -> progress.state() == Progress.State.PAUSED);
    }
}
