package org.openstrawberry.worker;

import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowNotFoundException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.rewardmodel.RewardTrainingRun;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.RunLock;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RewardTrainingFile;
import org.openstrawberry.config.RewardTrainingSpec;
import org.openstrawberry.workflows.Progress;
import org.openstrawberry.workflows.client.RewardTrainingHandle;
import org.openstrawberry.workflows.client.Strawberry;
import org.openstrawberry.workflows.steps.RewardTrainingActivities.Exported;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** Trains a reward model, from the start or from where the run directory stands: in this process, or on a server. */
@Command(
        name = "train",
        mixinStandardHelpOptions = true,
        description = "Train a reward model on preferences; the same command goes on after anything.")
final class RewardTrainCommand implements Callable<Integer> {
    private static final Duration LOOK = Duration.ofMillis(200);

    @Parameters(
            paramLabel = "PREFS.jsonl",
            description = "Lines {\"prompt\": …, \"chosen\": …, \"rejected\": …} and maybe \"margin\": a number.")
    private Path pairs = Path.of("");

    @Option(
            names = "--base",
            required = true,
            paramLabel = "DIR",
            description = "The model to start from: a language model, or a sequence classifier with one label.")
    private Path base = Path.of("");

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Where the reward model goes.")
    private Path out = Path.of("");

    @Option(
            names = "--run-dir",
            paramLabel = "DIR",
            description = "Where checkpoints and metrics live; by default runs/reward-NAME, NAME being that of --out.")
    private @Nullable Path runDirectory;

    @Option(names = "--seed", paramLabel = "S", description = "Of the fresh head and of the order of the pairs.")
    private @Nullable Long seed;

    @Option(names = "--set", paramLabel = "path=value", description = "Overrides one setting; may be repeated.")
    private List<String> sets = List.of();

    @Option(names = "--log-json", description = "Write the log in the run directory as JSON lines.")
    private boolean logJson;

    @Mixin
    private ServerOptions server = new ServerOptions();

    @Mixin
    private MonitoringOptions.OfSteps monitoring = new MonitoringOptions.OfSteps();

    @Override
    public Integer call() throws IOException {
        List<String> settings = new ArrayList<>(sets);
        if (seed != null) {
            settings.add("seed=" + seed);
        }
        RewardTrainingSpec spec = RewardTrainingFile.of(pairs, base, out, settings);
        Path name = Path.of(spec.out()).getFileName();
        Path directory = (runDirectory == null ? Path.of("runs", "reward-" + name) : runDirectory)
                .toAbsolutePath()
                .normalize();
        if (server.given()) {
            RunLog.refuse(logJson);
            monitoring.refuse(MonitoringOptions.OF_WORKERS);
            return onServer(spec, directory);
        }
        try (MonitoringOptions.Opened onlookers = monitoring.open()) {
            return embedded(spec, directory, onlookers);
        }
    }

    private int embedded(RewardTrainingSpec spec, Path directory, MonitoringOptions.Opened onlookers)
            throws IOException {
        try (RunLock lock = RunLock.acquire(directory)) {
            RunSetup.serverOf(directory).ifPresent(other -> {
                throw new InvalidInputException(directory + ": the training is on the Temporal server " + other
                        + "; expected --server, or another --run-dir");
            });
            RewardTrainingRun run = RewardTrainingRun.prepare(spec, directory);
            Optional<Exported> finished = run.finished();
            if (finished.isPresent()) {
                return tellFinished(finished.get());
            }
            tellWhatIsLeftOut(run);
            RunLog.into(directory, logJson);
            try (EmbeddedTemporal temporal =
                            EmbeddedTemporal.start(onlookers.endpoint().temporal());
                    Tensors tensors = new Tensors();
                    Rewards rewards = new Rewards();
                    RunWorkers workers = new RunWorkers(temporal.client(), onlookers.monitoring(), tensors, rewards)) {
                workers.start();
                RewardTrainingHandle training =
                        RewardTrainingHandle.start(temporal.client(), id(directory), directory.toString());
                CountDownLatch interrupted = RunWatch.onInterrupt(() -> {
                    System.err.println("\nFinishing the steps up to the next checkpoint; once more to stop at once.");
                    pause(training);
                });
                Mono<?> left = training.progress(LOOK)
                        .filter(progress -> interrupted.getCount() == 0 && progress.state() == Progress.State.PAUSED)
                        .next();
                return watch(
                        training,
                        left,
                        "Interrupted after a clean checkpoint in " + directory
                                + ". The same command goes on from there.");
            }
        }
    }

    private static void pause(RewardTrainingHandle training) {
        try {
            training.pause();
        } catch (WorkflowNotFoundException e) {
            LoggerFactory.getLogger(RewardTrainCommand.class).info("interrupted when the training had just ended", e);
        }
    }

    private int onServer(RewardTrainingSpec spec, Path directory) throws IOException {
        try (Strawberry temporal = server.connectToWorkers()) {
            Optional<RewardTrainingHandle> running = RewardTrainingHandle.running(temporal.client(), id(directory));
            if (running.isEmpty()) {
                try (RunLock lock = RunLock.acquire(directory)) {
                    RewardTrainingRun run = prepareOn(temporal, spec, directory);
                    Optional<Exported> finished = run.finished();
                    if (finished.isPresent()) {
                        return tellFinished(finished.get());
                    }
                    tellWhatIsLeftOut(run);
                    running = Optional.of(
                            RewardTrainingHandle.start(temporal.client(), id(directory), directory.toString()));
                } catch (WorkflowExecutionAlreadyStarted e) {
                    throw new InvalidInputException(id(directory) + ": is running already on " + temporal.address(), e);
                }
            }
            Sinks.One<Boolean> left = Sinks.one();
            RunWatch.onInterrupt(() -> left.tryEmitValue(true));
            return watch(running.get(), left.asMono(), "The training goes on; the same command shows it again.");
        }
    }

    private static RewardTrainingRun prepareOn(Strawberry temporal, RewardTrainingSpec spec, Path directory) {
        String place = temporal.address() + " as " + id(directory);
        RunSetup.serverOf(directory).filter(other -> !other.equals(place)).ifPresent(other -> {
            throw new InvalidInputException(
                    directory + ": the training is on the Temporal server " + other + ", found " + place);
        });
        RewardTrainingRun run = RewardTrainingRun.prepare(spec, directory);
        RunSetup.claim(directory, temporal.address(), id(directory));
        return run;
    }

    private static String id(Path directory) {
        return String.valueOf(directory.getFileName());
    }

    private static void tellWhatIsLeftOut(RewardTrainingRun run) {
        System.out.println(run.data().training().size() + " pairs to train on, "
                + run.data().heldOut().size() + " held out"
                + (run.data().tooLong() == 0 ? "" : ", " + run.data().tooLong() + " left out as too long"));
    }

    private static int tellFinished(Exported result) {
        System.out.println(
                "The training is finished: " + result.steps() + " steps. The reward model is in " + result.model());
        return 0;
    }

    private static int watch(RewardTrainingHandle training, Mono<?> left, String goodbye) {
        Mono<Optional<Exported>> shown = training.progress(LOOK)
                .filter(progress -> progress.iteration() > 0)
                .distinctUntilChanged(Progress::iteration)
                .doOnNext(progress -> progress.last()
                        .ifPresent(row ->
                                System.out.println(line(progress.iteration(), progress.iterations(), row.values()))))
                .then(Mono.never());
        Optional<Exported> result = Mono.firstWithSignal(
                        training.result().map(Optional::of), left.map(any -> Optional.<Exported>empty()), shown)
                .block();
        if (result == null || result.isEmpty()) {
            System.out.println(goodbye);
            return Main.INTERRUPTED;
        }
        Exported exported = result.get();
        boolean done = exported.steps() >= exported.of();
        System.out.println((done ? "Done: " : "Stopped: ") + line(exported.steps(), exported.of(), exported.metrics()));
        System.out.println("The reward model is in " + exported.model()
                + (done ? "" : ". The same command goes on to the last step."));
        return 0;
    }

    static String line(int step, int steps, Map<String, Double> metrics) {
        StringBuilder line = new StringBuilder("step " + step + "/" + steps);
        List.of("loss", "accuracy", "margin", "eval_loss", "eval_accuracy", "eval_margin").stream()
                .filter(metrics::containsKey)
                .forEach(name -> line.append("  ")
                        .append(name.replace("eval_", "held-out "))
                        .append(String.format(Locale.ROOT, " %.3f", metrics.get(name))));
        Optional.ofNullable(metrics.get("eval_step"))
                .filter(judged -> judged != step)
                .ifPresent(judged -> line.append(String.format(Locale.ROOT, "  (held-out at step %.0f)", judged)));
        return line.toString();
    }
}
