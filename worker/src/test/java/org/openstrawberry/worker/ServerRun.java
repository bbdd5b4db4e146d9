package org.openstrawberry.worker;

import io.temporal.client.WorkflowClientOptions;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.openstrawberry.workflows.client.Strawberry;

/** What the benchmarks share: the shipped run under other settings, as processes on a real Temporal server. */
final class ServerRun implements AutoCloseable {
    /** The run's id, and its directory's name. */
    static final String ID = "run";

    private final Path folder;
    private final TinyRun run;
    private final TestProcesses processes;

    ServerRun(String benchmark) throws IOException {
        if (TestProcesses.temporal().isEmpty()) {
            throw new IOException("there is no temporal command; tools/temporal/build makes one");
        }
        folder = Files.createTempDirectory("strawberry-" + benchmark + "-");
        run = new TinyRun(folder);
        processes = new TestProcesses(folder);
    }

    TestProcesses processes() {
        return processes;
    }

    TinyRun run() {
        return run;
    }

    Path folder() {
        return folder;
    }

    Path directory() {
        return run.directory(ID);
    }

    /** Starts the run on the server, for the workers to take up. */
    void start(List<String> settings) {
        List<String> arguments = command("start", ID, settings);
        arguments.addAll(List.of("--id", ID, "--server", processes.server()));
        processes.strawberry(arguments.toArray(String[]::new));
    }

    /** Trains the same in one process, without a server. */
    void train(String name, List<String> settings) {
        processes.strawberry(command("train", name, settings).toArray(String[]::new));
    }

    private List<String> command(String command, String name, List<String> settings) {
        List<String> arguments = new ArrayList<>(List.of(command, run.file().toString()));
        arguments.addAll(List.of("--run-dir", run.directory(name).toString()));
        settings.forEach(setting -> arguments.addAll(List.of("--set", setting)));
        return arguments;
    }

    Strawberry connect() {
        return Strawberry.connect(
                WorkflowServiceStubsOptions.newBuilder()
                        .setTarget(processes.server())
                        .build(),
                WorkflowClientOptions.newBuilder().build());
    }

    /** A row of a Markdown table. */
    static void row(Object... cells) {
        StringBuilder line = new StringBuilder("|");
        for (Object cell : cells) {
            line.append(' ').append(cell).append(" |");
        }
        System.out.println(line);
    }

    /** The head of a Markdown table. */
    static void head(Object... cells) {
        row(cells);
        System.out.println("|" + "---|".repeat(cells.length));
    }

    @Override
    public void close() {
        processes.close();
    }
}
