package org.openstrawberry.worker;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowNotFoundException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.rewards.Verifiers;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.store.RunLock;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.Progress;
import org.openstrawberry.workflows.RunResult;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.client.RunHandle;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import reactor.core.publisher.Mono;
import sun.misc.Signal;

/** Trains a policy in this process, from the start or from where the run directory stands. */
@Command(
        name = "train",
        mixinStandardHelpOptions = true,
        description = "Train a policy by online DPO; the same command goes on after anything.")
final class TrainCommand implements Callable<Integer> {
    private static final String SHIPPED = "letter-count";
    private static final Duration LOOK = Duration.ofMillis(200);

    @Parameters(arity = "0..1", paramLabel = "RUN.yaml", description = "What to train; without it the shipped demo.")
    private @Nullable Path runFile;

    @Option(names = "--run-dir", paramLabel = "DIR", description = "Where the run lives; by default runs/NAME.")
    private @Nullable Path runDirectory;

    @Option(names = "--set", paramLabel = "path=value", description = "Overrides one setting; may be repeated.")
    private List<String> sets = List.of();

    @Override
    public Integer call() throws Exception {
        Path directory;
        RunSpec spec;
        if (runFile == null) {
            directory = absolute(runDirectory == null ? Path.of("runs", SHIPPED) : runDirectory);
            try (RunLock lock = RunLock.acquire(directory)) {
                spec = RunFile.shipped(SHIPPED, directory.resolve("input"), sets);
                return train(spec, directory);
            }
        }
        spec = RunFile.read(runFile, sets);
        directory = absolute(runDirectory == null ? Path.of("runs", spec.name()) : runDirectory);
        try (RunLock lock = RunLock.acquire(directory)) {
            return train(spec, directory);
        }
    }

    private static Path absolute(Path path) {
        return path.toAbsolutePath().normalize();
    }

    private static int train(RunSpec spec, Path directory) throws Exception {
        RunSetup.prepare(spec, directory);
        Optional<RunResult> finished = RunSetup.finished(spec, directory);
        if (finished.isPresent()) {
            System.out.println("The run is finished: " + finished.get().reason() + ". Its policy is in "
                    + directory.resolve(finished.get().policy()));
            return 0;
        }
        RunLog.into(directory);
        try (EmbeddedTemporal temporal = EmbeddedTemporal.start()) {
            WorkflowClient client = temporal.client();
            try (RunWorkers workers =
                    new RunWorkers(client, new SimpleMeterRegistry(), reward -> Verifiers.of(reward.verifier()))) {
                workers.start();
                RunHandle run = RunHandle.start(client, spec.name(), TrainingInput.start(spec, directory.toString()));
                return watch(run, spec, directory);
            }
        }
    }

    private static int watch(RunHandle run, RunSpec spec, Path directory) {
        CountDownLatch interrupted = new CountDownLatch(1);
        for (String name : List.of("INT", "TERM")) {
            Signal.handle(new Signal(name), signal -> {
                if (interrupted.getCount() == 0) {
                    Runtime.getRuntime().halt(Main.INTERRUPTED);
                }
                interrupted.countDown();
                System.err.println("\nFinishing the iteration under way, then stopping; once more to stop at once.");
                pause(run);
            });
        }
        try (ProgressDisplay display = ProgressDisplay.of(spec)) {
            Mono<Optional<RunResult>> ended = run.result().map(Optional::of);
            Mono<Optional<RunResult>> paused = run.progress(LOOK)
                    .doOnNext(progress -> display.show(progress, run.history(display.shown())))
                    .filter(progress -> progress.state() == Progress.State.PAUSED && interrupted.getCount() == 0)
                    .next()
                    .map(progress -> Optional.empty());
            Optional<RunResult> result = Mono.firstWithSignal(ended, paused).block();
            if (result == null || result.isEmpty()) {
                display.close();
                System.out.println("Interrupted after a clean checkpoint in " + directory
                        + ". The same command goes on from there.");
                return Main.INTERRUPTED;
            }
            display.showRows(run.history(display.shown()));
            display.close();
            FinalReport.print(System.out, directory, result.get());
            return 0;
        }
    }

    private static void pause(RunHandle run) {
        try {
            run.pause();
        } catch (WorkflowNotFoundException e) {
            LoggerFactory.getLogger(TrainCommand.class).info("interrupted when the run had just ended", e);
        }
    }
}
