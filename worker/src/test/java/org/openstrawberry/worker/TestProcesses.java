package org.openstrawberry.worker;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** Real processes of a test: ours and a Temporal server, all ended with the test. */
final class TestProcesses implements AutoCloseable {
    private final Path folder;
    private final List<Process> all = new ArrayList<>();
    private final int port = freePort();
    private final int uiPort = freePort();

    TestProcesses(Path folder) {
        this.folder = folder;
    }

    /** The temporal command: in the project's cache, where tools/temporal/build puts it, or on the PATH. */
    static Optional<Path> temporal() {
        return Stream.concat(
                        Stream.of(Path.of("..", ".cache", "temporal")),
                        Arrays.stream(Optional.ofNullable(System.getenv("PATH"))
                                        .orElse("")
                                        .split(File.pathSeparator))
                                .map(entry -> Path.of(entry, "temporal")))
                .map(Path::toAbsolutePath)
                .map(Path::normalize)
                .filter(Files::isExecutable)
                .findFirst();
    }

    String server() {
        return "127.0.0.1:" + port;
    }

    /** Starts a server on the test's database, again where it was killed, and waits until it reads. */
    Process startServer() throws IOException, InterruptedException {
        Process server = start(
                "server",
                List.of(
                        temporal().orElseThrow().toString(),
                        "server",
                        "start-dev",
                        "--ip",
                        "127.0.0.1",
                        "--port",
                        Integer.toString(port),
                        "--ui-port",
                        Integer.toString(uiPort),
                        "--db-filename",
                        folder.resolve("temporal.db").toString(),
                        "--log-level",
                        "error"));
        await("the server to read", () -> {
            try {
                return tool("workflow", "list").isEmpty() || true;
            } catch (IllegalStateException e) {
                return false;
            }
        });
        return server;
    }

    /** Temporal's own command line against the test's server; what it printed. */
    String tool(String... arguments) {
        List<String> command = new ArrayList<>(List.of(temporal().orElseThrow().toString()));
        command.addAll(List.of(arguments));
        command.addAll(List.of("--address", server()));
        return output(command);
    }

    /** Our command line; what it printed on both streams. */
    String strawberry(String... arguments) {
        return output(ours(List.of(arguments)));
    }

    Process worker(String name, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("worker", "--server", server()));
        command.addAll(List.of(arguments));
        return start(name, ours(command));
    }

    Process start(String name, List<String> command) throws IOException {
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        folder.resolve(name + ".out").toFile()))
                .start();
        all.add(process);
        return process;
    }

    static List<String> ours(List<String> arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                "org.openstrawberry.worker.Main"));
        command.addAll(arguments);
        return command;
    }

    private static String output(List<String> command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String text = new String(process.getInputStream().readAllBytes());
            if (process.waitFor() != 0) {
                throw new IllegalStateException(command.get(command.size() - 1) + ": " + text);
            }
            return text;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted", e);
        }
    }

    /** Ends a process as a power cut would. */
    static void kill(Process process) throws InterruptedException {
        process.destroyForcibly();
        process.waitFor(30, TimeUnit.SECONDS);
    }

    /** Sends a signal, such as STOP or CONT. */
    static void signal(Process process, String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                .start()
                .waitFor();
    }

    static void await(String what, BooleanSupplier condition) throws InterruptedException {
        Instant end = Instant.now().plus(Duration.ofSeconds(120));
        while (!condition.getAsBoolean()) {
            if (Instant.now().isAfter(end)) {
                throw new IllegalStateException("waited in vain for " + what);
            }
            Thread.sleep(5);
        }
    }

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        all.forEach(Process::destroyForcibly);
    }
}
