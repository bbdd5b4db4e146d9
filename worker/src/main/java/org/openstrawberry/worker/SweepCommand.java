package org.openstrawberry.worker;

import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowNotFoundException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.rewards.LocalClassifiers;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.InputChecks;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLock;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.SweepFile;
import org.openstrawberry.config.SweepSpec.Trial;
import org.openstrawberry.workflows.SweepInput;
import org.openstrawberry.workflows.SweepResults;
import org.openstrawberry.workflows.client.Strawberry;
import org.openstrawberry.workflows.client.SweepHandle;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** Trains many runs over a grid or a random sample of settings and ranks them: in this process, or on a server. */
@Command(
        name = "sweep",
        mixinStandardHelpOptions = true,
        description = "Search over settings: many runs, ranked at the end; the same command goes on after anything.")
final class SweepCommand implements Callable<Integer> {
    @Parameters(paramLabel = "SWEEP.yaml", description = "What to sweep, and over what.")
    private Path file = Path.of("");

    @Option(names = "--id", paramLabel = "ID", description = "The sweep's id; by default the sweep file's name.")
    private @Nullable String givenId;

    @Option(names = "--dir", paramLabel = "DIR", description = "Where the sweep lives; by default runs/NAME.")
    private @Nullable Path givenDirectory;

    @Option(names = "--json", description = "Print the results as JSON; progress goes to standard error.")
    private boolean json;

    @Option(names = "--log-json", description = "Write the log in the sweep's directory as JSON lines.")
    private boolean logJson;

    @Mixin
    private ServerOptions server = new ServerOptions();

    @Mixin
    private MonitoringOptions monitoring = new MonitoringOptions();

    /** What is done to a trial's directory before the sweep starts. */
    private interface Preparation {
        void prepare(RunPreparation run, String id, InputChecks checks) throws IOException;
    }

    @Override
    public Integer call() throws Exception {
        SweepFile sweep = SweepFile.read(file);
        Path directory = (givenDirectory == null ? Path.of("runs", sweep.name()) : givenDirectory)
                .toAbsolutePath()
                .normalize();
        String id = givenId == null ? sweep.name() : givenId;
        if (server.given()) {
            RunLog.refuse(logJson);
            monitoring.refuse(MonitoringOptions.OF_WORKERS);
            return onServer(sweep, directory, id);
        }
        try (MonitoringOptions.Opened onlookers = monitoring.open()) {
            return embedded(sweep, directory, id, onlookers);
        }
    }

    private int embedded(SweepFile sweep, Path directory, String id, MonitoringOptions.Opened onlookers)
            throws IOException {
        try (RunLock lock = RunLock.acquire(directory)) {
            SweepInput input = prepared(sweep, directory, id, (run, runId, checks) -> {
                run.requireNoServer();
                RunSetup.prepare(run.spec(), run.directory(), checks);
            });
            RunLog.into(directory, logJson);
            try (EmbeddedTemporal temporal =
                            EmbeddedTemporal.start(onlookers.endpoint().temporal());
                    Tensors tensors = new Tensors();
                    Rewards rewards = new Rewards(new LocalClassifiers(tensors));
                    RunWorkers workers = new RunWorkers(temporal.client(), onlookers.monitoring(), tensors, rewards)) {
                workers.start();
                SweepHandle handle = SweepHandle.start(temporal.client(), id, input);
                CountDownLatch interrupted = RunWatch.onInterrupt(() -> {
                    System.err.println("\nFinishing what is under way in each trial (an iteration, or a part of the"
                            + " warm-up); once more to stop at once.");
                    pause(handle);
                });
                Mono<?> left = SweepWatch.paused(temporal.client(), handle).filter(any -> interrupted.getCount() == 0);
                return watch(
                        temporal.client(),
                        handle,
                        left,
                        "Interrupted after clean checkpoints in " + directory
                                + ". The same command goes on from there.");
            }
        }
    }

    private static void pause(SweepHandle sweep) {
        try {
            sweep.pause();
        } catch (WorkflowNotFoundException e) {
            LoggerFactory.getLogger(SweepCommand.class).info("interrupted when the sweep had just ended", e);
        }
    }

    private int onServer(SweepFile sweep, Path directory, String id) throws IOException {
        try (Strawberry temporal = server.connectToWorkers()) {
            Optional<SweepHandle> running = SweepHandle.running(temporal.client(), id);
            SweepHandle handle = running.isPresent() ? running.get() : start(temporal, sweep, directory, id);
            Sinks.One<Boolean> left = Sinks.one();
            RunWatch.onInterrupt(() -> left.tryEmitValue(true));
            return watch(
                    temporal.client(), handle, left.asMono(), "The sweep goes on; the same command shows it again.");
        }
    }

    private SweepHandle start(Strawberry temporal, SweepFile sweep, Path directory, String id) throws IOException {
        try (RunLock lock = RunLock.acquire(directory)) {
            SweepInput input =
                    prepared(sweep, directory, id, (run, runId, checks) -> run.prepareOn(temporal, runId, checks));
            return SweepHandle.start(temporal.client(), id, input);
        } catch (WorkflowExecutionAlreadyStarted e) {
            throw new InvalidInputException(id + ": is running already on " + temporal.address(), e);
        }
    }

    /** Checks every trial and makes its directory, before any of them trains. */
    private SweepInput prepared(SweepFile sweep, Path directory, String id, Preparation preparation)
            throws IOException {
        SweepInput input = new SweepInput(sweep.resolve(directory), directory.toString());
        InputChecks checks = new InputChecks();
        for (Trial trial : input.spec().trials()) {
            Path trialDirectory = Path.of(input.directoryOf(trial));
            try (RunLock lock = RunLock.acquire(trialDirectory)) {
                preparation.prepare(new RunPreparation(trial.run(), trialDirectory), id + "-" + trial.id(), checks);
            } catch (InvalidInputException e) {
                throw new InvalidInputException(
                        file + ": trial " + trial.id() + " (" + SweepTable.words(trial.settings()) + "): "
                                + e.getMessage(),
                        e);
            }
        }
        return input;
    }

    private int watch(WorkflowClient client, SweepHandle handle, Mono<?> left, String goodbye) {
        PrintStream progress = json ? System.err : System.out;
        Optional<SweepResults> results = new SweepWatch(client, progress).until(handle, left);
        if (results.isEmpty()) {
            progress.println(goodbye);
            return Main.INTERRUPTED;
        }
        if (json) {
            System.out.println(Json.line(results.get()));
        } else {
            System.out.println();
            SweepTable.print(System.out, results.get());
        }
        return 0;
    }
}
