package org.openstrawberry.worker;

import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowNotFoundException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.rewards.LocalClassifiers;
import org.openstrawberry.activities.rewards.RewardCheck;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.RunLock;
import org.openstrawberry.config.ModelSpec;
import org.openstrawberry.model.Torch;
import org.openstrawberry.worker.live.RunSource;
import org.openstrawberry.worker.live.Served;
import org.openstrawberry.worker.live.WebOptions;
import org.openstrawberry.workflows.RunResult;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.client.RunFailedException;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.Strawberry;
import org.openstrawberry.workflows.steps.RunRef;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** Trains a policy, from the start or from where the run directory stands: in this process, or on a server. */
@Command(
        name = "train",
        mixinStandardHelpOptions = true,
        description = "Train a policy by online DPO; the same command goes on after anything.")
final class TrainCommand implements Callable<Integer> {
    @Parameters(arity = "0..1", paramLabel = "RUN.yaml", description = "What to train; without it the shipped demo.")
    private @Nullable Path runFile;

    @Option(names = "--run-dir", paramLabel = "DIR", description = "Where the run lives; by default runs/NAME.")
    private @Nullable Path runDirectory;

    @Option(names = "--set", paramLabel = "path=value", description = "Overrides one setting; may be repeated.")
    private List<String> sets = List.of();

    @Option(names = "--log-json", description = "Write the log in the run directory as JSON lines.")
    private boolean logJson;

    @Mixin
    private ServerOptions server = new ServerOptions();

    @Mixin
    private MonitoringOptions monitoring = new MonitoringOptions();

    @Mixin
    private WebOptions web = new WebOptions();

    @Override
    public Integer call() throws Exception {
        RunPreparation run = RunPreparation.read(runFile, runDirectory, sets);
        if (server.given()) {
            RunLog.refuse(logJson);
            monitoring.refuse(MonitoringOptions.OF_WORKERS);
            try (Strawberry temporal = server.connectToWorkers()) {
                String id = run.spec().name();
                try (Served page = web.open(() -> shown(temporal.client(), run))) {
                    return StartCommand.watch(run.start(temporal, id), run, id);
                }
            }
        }
        run.requireNoServer();
        try (MonitoringOptions.Opened onlookers = monitoring.open();
                RunLock lock = RunLock.acquire(run.directory());
                Tensors tensors = new Tensors()) {
            ModelSpec model = run.spec().model();
            if (model.device().equals("cpu")) {
                tensors.begin(() -> start(model));
            } else {
                // A device may not be there, which is told before any work.
                tensors.call(() -> start(model));
            }
            return embedded(run, tensors, onlookers, logJson, web);
        }
    }

    private static boolean start(ModelSpec model) {
        Torch.start(model.threads(), model.device()).close();
        return true;
    }

    private static RunSource shown(WorkflowClient client, RunPreparation run) {
        String id = run.spec().name();
        return new RunSource.One(new RunSource.Shown(id, RunHandle.attach(client, id), run.directory()));
    }

    private static int embedded(
            RunPreparation run, Tensors tensors, MonitoringOptions.Opened onlookers, boolean logJson, WebOptions web) {
        Path directory = run.directory();
        RunSetup.prepare(run.spec(), directory);
        run.tellWhatIsLeftOut();
        Optional<RunResult> finished = RunSetup.finished(run.spec(), directory);
        if (finished.isPresent()) {
            System.out.println("The run is finished: " + finished.get().reason() + ". Its policy is in "
                    + directory.resolve(finished.get().policy()));
            tellOfReport(directory, RunReports.writeWhereStale(directory));
            onlookers.standsFinished(new RunRef(run.spec().name(), directory.toString()));
            return 0;
        }
        RunLog.into(directory, logJson);
        try (EmbeddedTemporal temporal =
                EmbeddedTemporal.start(onlookers.endpoint().temporal())) {
            WorkflowClient client = temporal.client();
            try (Rewards rewards = new Rewards(new LocalClassifiers(tensors));
                    RunWorkers workers = new RunWorkers(client, onlookers.monitoring(), tensors, rewards);
                    Served page = web.open(() -> shown(client, run))) {
                // What they lack is said before any work; a service may come up meanwhile.
                RewardCheck check = new RewardCheck(false);
                check.check("reward", run.spec().reward());
                run.spec().evaluation().reward().ifPresent(judge -> check.check("evaluation.reward", judge));
                rewards.apply(run.spec().reward());
                run.spec().evaluation().reward().ifPresent(rewards::apply);
                workers.start();
                return watch(
                        RunHandle.start(
                                client, run.spec().name(), TrainingInput.start(run.spec(), directory.toString())),
                        run,
                        page.isThere());
            } catch (RunFailedException e) {
                tellOfReport(directory, RunReports.write(directory));
                throw e;
            }
        }
    }

    /** @param page whether there is one: then who looks at it may go on after a pause, and only Ctrl-C ends a run early. */
    private static int watch(RunHandle handle, RunPreparation run, boolean page) {
        Sinks.One<Boolean> asked = Sinks.one();
        CountDownLatch interrupted = RunWatch.onInterrupt(() -> {
            System.err.println(
                    "\nFinishing what is under way (an iteration, or a part of the warm-up); once more to stop at once.");
            pause(handle);
            asked.tryEmitValue(true);
        });
        Mono<?> left = page ? pausedByInterrupt(handle, asked.asMono()) : RunWatch.paused(handle);
        Optional<RunResult> result = RunWatch.until(handle, run.spec(), left);
        if (result.isEmpty() && interrupted.getCount() > 0) {
            System.err.println(TerminalText.wrapped(unhealthy(run)));
            tellOfReport(run.directory(), RunReports.write(run.directory()));
            return Main.FAILED;
        }
        if (result.isEmpty()) {
            System.out.println("Interrupted after a clean checkpoint in " + run.directory()
                    + ". The same command goes on from there.");
            tellOfReport(run.directory(), RunReports.write(run.directory()));
            return Main.INTERRUPTED;
        }
        FinalReport.print(System.out, run.directory(), result.get());
        tellOfReport(run.directory(), RunReports.writeWhereStale(run.directory()));
        return 0;
    }

    private static Mono<?> pausedByInterrupt(RunHandle handle, Mono<?> interrupt) {
        Mono<?> told = RunWatch.pauses(handle)
                .doOnNext(progress -> System.err.println(
                        "paused, with a clean checkpoint: resume it on the page, or end here with Ctrl-C"))
                .takeUntilOther(interrupt)
                .then(Mono.never());
        return Mono.firstWithSignal(interrupt.then(RunWatch.paused(handle)), told);
    }

    private static void tellOfReport(Path directory, Optional<String> failure) {
        (failure.isPresent() ? System.err : System.out).println(RunReports.told(directory, failure));
    }

    /** Nobody else could have paused it: its server is in this process. */
    private static String unhealthy(RunPreparation run) {
        return "paused: the run is unhealthy (see the last warning), with a clean checkpoint in " + run.directory()
                + ". The same command goes on all the same, with --set health.… by other bounds; ./strawberry fork "
                + run.directory()
                + " --at-iteration N --set path=value goes on with other settings from any iteration.";
    }

    private static void pause(RunHandle run) {
        try {
            run.pause();
        } catch (WorkflowNotFoundException e) {
            LoggerFactory.getLogger(TrainCommand.class).info("interrupted when the run had just ended", e);
        }
    }
}
