package org.openstrawberry.worker;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.workflows.RunResult;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.Strawberry;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** Starts a run on a Temporal server, where workers take it up. */
@Command(
        name = "start",
        mixinStandardHelpOptions = true,
        description = "Start a run on a Temporal server, or go on with one that ended early; workers do the work.")
final class StartCommand implements Callable<Integer> {
    @Parameters(arity = "0..1", paramLabel = "RUN.yaml", description = "What to train; without it the shipped demo.")
    private @Nullable Path runFile;

    @Option(names = "--id", paramLabel = "ID", description = "The run's id; by default the run file's name.")
    private @Nullable String id;

    @Option(names = "--run-dir", paramLabel = "DIR", description = "Where the run lives; by default runs/NAME.")
    private @Nullable Path runDirectory;

    @Option(names = "--set", paramLabel = "path=value", description = "Overrides one setting; may be repeated.")
    private List<String> sets = List.of();

    @Option(names = "--wait", description = "Show the run and end with it.")
    private boolean wait;

    @Mixin
    private ServerOptions server = new ServerOptions();

    @Override
    public Integer call() {
        RunPreparation run = RunPreparation.read(runFile, runDirectory, sets);
        String runId = id == null ? run.spec().name() : id;
        try (Strawberry temporal = server.connectToWorkers()) {
            RunHandle handle = run.start(temporal, runId);
            if (wait) {
                return watch(handle, run, runId);
            }
            System.out.println(runId);
            return 0;
        }
    }

    /** Watches a run on a server; Ctrl-C ends the watching, not the run. */
    static int watch(RunHandle handle, RunPreparation run, String id) {
        Sinks.One<Boolean> left = Sinks.one();
        RunWatch.onInterrupt(() -> left.tryEmitValue(true));
        Mono<Boolean> detached = left.asMono();
        Optional<RunResult> result = RunWatch.until(handle, run.spec(), detached);
        if (result.isEmpty()) {
            System.out.println("The run goes on; ./strawberry watch " + id + " shows it again.");
            return Main.INTERRUPTED;
        }
        FinalReport.print(System.out, run.directory(), result.get());
        Optional<String> failure = RunReports.isFresh(run.directory())
                ? Optional.empty()
                : Optional.of("the log of the worker that ended the run says why");
        (failure.isPresent() ? System.err : System.out).println(RunReports.told(run.directory(), failure));
        return 0;
    }
}
