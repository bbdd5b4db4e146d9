package org.openstrawberry.worker;

import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.workflows.client.Strawberry;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A development server on this machine: Temporal's own, with a database file and the UI. */
@Command(
        name = "server",
        mixinStandardHelpOptions = true,
        description = "Run a local Temporal server with a database file and the UI, until Ctrl-C.")
final class ServerCommand implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final String HOST = "127.0.0.1";

    @Option(
            names = "--temporal",
            paramLabel = "FILE",
            description = "The temporal command; by default that on the PATH, or what tools/temporal/build made.")
    private @Nullable Path temporal;

    @Option(names = "--db", paramLabel = "FILE", description = "The database; by default ${DEFAULT-VALUE}.")
    private Path database = Path.of("runs", "temporal.db");

    @Option(names = "--port", paramLabel = "PORT", description = "By default ${DEFAULT-VALUE}.")
    private int port = 7233;

    @Option(names = "--ui-port", paramLabel = "PORT", description = "By default ${DEFAULT-VALUE}.")
    private int uiPort = 8233;

    @Override
    public Integer call() throws Exception {
        Path command = command();
        Path file = database.toAbsolutePath();
        Files.createDirectories(Optional.ofNullable(file.getParent()).orElse(file));
        Process process = new ProcessBuilder(
                        command.toString(),
                        "server",
                        "start-dev",
                        "--ip",
                        HOST,
                        "--port",
                        Integer.toString(port),
                        "--ui-port",
                        Integer.toString(uiPort),
                        "--db-filename",
                        file.toString(),
                        "--log-level",
                        "error")
                .redirectErrorStream(true)
                .redirectOutput(file.resolveSibling("temporal.log").toFile())
                .start();
        CountDownLatch ended = RunWatch.onInterrupt(() -> {});
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroy, "server-end"));
        process.onExit().thenRun(ended::countDown);
        if (!answers(process)) {
            process.destroy();
            throw new InvalidInputException(HOST + ":" + port + ": the server did not come up; its log is "
                    + file.resolveSibling("temporal.log"));
        }
        System.out.println("server   " + HOST + ":" + port);
        System.out.println("UI       http://" + HOST + ":" + uiPort);
        System.out.println("database " + file);
        ended.await();
        boolean crashed = !process.isAlive();
        process.destroy();
        process.waitFor(20, TimeUnit.SECONDS);
        return crashed ? Main.FAILED : 0;
    }

    private boolean answers(Process process) throws InterruptedException {
        WorkflowServiceStubs stubs = WorkflowServiceStubs.newServiceStubs(WorkflowServiceStubsOptions.newBuilder()
                .setTarget(HOST + ":" + port)
                .build());
        try {
            Instant end = Instant.now().plus(PATIENCE);
            while (process.isAlive() && Instant.now().isBefore(end)) {
                if (Strawberry.reads(stubs, Duration.ofSeconds(5))) {
                    return process.isAlive();
                }
                Thread.sleep(100);
            }
            return false;
        } finally {
            stubs.shutdownNow();
        }
    }

    private Path command() throws IOException {
        if (temporal != null) {
            if (!Files.isExecutable(temporal)) {
                throw new InvalidInputException(temporal + ": no such program; expected the temporal command");
            }
            return temporal.toAbsolutePath();
        }
        return Arrays.stream(
                        Optional.ofNullable(System.getenv("PATH")).orElse("").split(File.pathSeparator))
                .map(folder -> Path.of(folder, "temporal"))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> new InvalidInputException(
                        "there is no temporal command on the PATH; build it with tools/temporal/build, or install it from"
                                + " https://docs.temporal.io/cli"));
    }
}
