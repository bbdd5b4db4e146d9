package org.openstrawberry.worker;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Real processes of a test: ours and a Temporal server, all ended with the test. */
final class TestProcesses implements AutoCloseable {
    /** Where the server keeps what it knows. */
    enum Database {
        /** A file of the development server; see tools/temporal. */
        SQLITE,
        /** A PostgreSQL of the test's own; see tools/temporal-server. */
        POSTGRES
    }

    /** What a command came to. */
    record Outcome(int exitCode, String output) {}

    private static final Path CACHE = Path.of("..", ".cache").toAbsolutePath().normalize();
    private static final Path POSTGRES =
            CACHE.resolveSibling("tools").resolve("temporal-server").resolve("postgres");

    /** The server on PostgreSQL takes the eight ports after its own as well. */
    private static final int PORTS = 9;

    private final Path folder;
    private final Database database;
    private final List<Process> all = new ArrayList<>();
    private final int port = freePort(PORTS);
    private final int uiPort = freePort(1);

    TestProcesses(Path folder) {
        this(folder, Database.SQLITE);
    }

    TestProcesses(Path folder, Database database) {
        this.folder = folder;
        this.database = database;
    }

    /** The temporal command: in the project's cache, where tools/temporal/build puts it, or on the PATH. */
    static Optional<Path> temporal() {
        return Stream.concat(
                        Stream.of(CACHE.resolve("temporal")),
                        Arrays.stream(Optional.ofNullable(System.getenv("PATH"))
                                        .orElse("")
                                        .split(File.pathSeparator))
                                .map(entry -> Path.of(entry, "temporal")))
                .map(Path::toAbsolutePath)
                .map(Path::normalize)
                .filter(Files::isExecutable)
                .findFirst();
    }

    /** Whether there is a {@link #temporal} command. */
    static boolean hasTemporal() {
        return temporal().isPresent();
    }

    /** Whether all is there that a server on PostgreSQL needs; see tools/temporal-server. */
    static boolean hasPostgres() {
        return temporal().isPresent()
                && Files.isExecutable(CACHE.resolve("temporal-server"))
                && Files.isExecutable(CACHE.resolve("temporal-sql-tool"))
                && Files.isDirectory(Path.of("/usr/lib/postgresql"));
    }

    String server() {
        return "127.0.0.1:" + port;
    }

    /** Starts a server on the test's database, again where it was killed, and waits until it reads. */
    Process startServer() throws IOException, InterruptedException {
        Process server = start("server", serverCommand());
        await("the server to read", () -> {
            try {
                return tool("workflow", "list").isEmpty() || true;
            } catch (IllegalStateException e) {
                return false;
            }
        });
        return server;
    }

    private List<String> serverCommand() throws IOException {
        if (database == Database.POSTGRES) {
            // PostgreSQL runs as a user of its own where the test runs as root, and must get to its files.
            Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx--x--x"));
            return List.of(POSTGRES.toString(), "run", postgresFolder().toString(), Integer.toString(port));
        }
        return List.of(
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
                "error");
    }

    /** Ends PostgreSQL in the middle of what it does; it recovers from its log when the server is started again. */
    void crashPostgres() throws IOException, InterruptedException {
        Path lock = postgresFolder().resolve("database").resolve("postmaster.pid");
        long process = Long.parseLong(Files.readAllLines(lock).get(0));
        signal(process, "QUIT");
        await("PostgreSQL to end", () -> ProcessHandle.of(process).isEmpty());
    }

    private Path postgresFolder() {
        return folder.resolve("postgres");
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

    /** Our command line in an environment of its own, whatever its exit code. */
    static Outcome strawberry(Map<String, String> environment, String... arguments) {
        return outcome(ours(List.of(arguments)), environment);
    }

    Process worker(String name, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("worker", "--server", server()));
        command.addAll(List.of(arguments));
        return start(name, ours(command));
    }

    Process start(String name, List<String> command) throws IOException {
        return start(name, command, Map.of());
    }

    Process start(String name, List<String> command, Map<String, String> environment) throws IOException {
        Process process = builder(command, environment)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        folder.resolve(name + ".out").toFile()))
                .start();
        all.add(process);
        return process;
    }

    static List<String> ours(List<String> arguments) {
        List<String> command = new ArrayList<>(TestJava.main());
        command.addAll(arguments);
        return command;
    }

    private static String output(List<String> command) {
        Outcome outcome = outcome(command, Map.of());
        if (outcome.exitCode() != 0) {
            throw new IllegalStateException(command.get(command.size() - 1) + ": " + outcome.output());
        }
        return outcome.output();
    }

    private static Outcome outcome(List<String> command, Map<String, String> environment) {
        try {
            Process process = builder(command, environment).start();
            String text = new String(process.getInputStream().readAllBytes());
            return new Outcome(process.waitFor(), text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted", e);
        }
    }

    private static ProcessBuilder builder(List<String> command, Map<String, String> environment) {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        return builder;
    }

    /** Ends a process as a power cut would. */
    static void kill(Process process) throws InterruptedException {
        process.destroyForcibly();
        process.waitFor(30, TimeUnit.SECONDS);
    }

    /** Sends a signal, such as STOP or CONT. */
    static void signal(Process process, String name) throws IOException, InterruptedException {
        signal(process.pid(), name);
    }

    private static void signal(long process, String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, Long.toString(process)).start().waitFor();
    }

    static void await(String what, BooleanSupplier condition) throws InterruptedException {
        Instant end = Instant.now().plus(Duration.ofSeconds(240));
        while (!condition.getAsBoolean()) {
            if (Instant.now().isAfter(end)) {
                throw new IllegalStateException("waited in vain for " + what);
            }
            Thread.sleep(5);
        }
    }

    /** The first of so many ports in a row that are free; below 32,768, since PostgreSQL's schema takes no higher ones. */
    private static int freePort(int count) {
        for (int attempt = 0; attempt < 100; attempt++) {
            int port = ThreadLocalRandom.current().nextInt(20_000, 32_000);
            if (IntStream.range(port, port + count).allMatch(TestProcesses::isFree)) {
                return port;
            }
        }
        throw new IllegalStateException("there are no " + count + " free ports in a row");
    }

    private static boolean isFree(int port) {
        try (ServerSocket socket = new ServerSocket(port)) {
            return socket.isBound();
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void close() {
        all.forEach(Process::destroyForcibly);
        if (Files.exists(postgresFolder())) {
            output(List.of(POSTGRES.toString(), "down", postgresFolder().toString()));
        }
    }
}
