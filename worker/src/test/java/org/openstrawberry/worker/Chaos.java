package org.openstrawberry.worker;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.workflows.RunResult;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * A run on a real server whose workers and server are killed, frozen and ended at drawn moments; then the same number of
 * iterations in one process, undisturbed. Both must end alike, and nothing that was finished may have been done again.
 */
@Command(
        name = "chaos",
        mixinStandardHelpOptions = true,
        description = "Faults at drawn moments; exit code 1 if the run doesn't end as an undisturbed one.")
final class Chaos implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofMinutes(4);
    private static final int PROMPTS = 6;
    private static final int BRANCHES = 6;

    @Option(names = "--seed", description = "Draws the faults; by default ${DEFAULT-VALUE}.")
    private long seed = 7;

    @Option(names = "--faults", description = "By default ${DEFAULT-VALUE}.")
    private int faults = 30;

    @Option(
            names = "--workers",
            split = ",",
            paramLabel = "ROLE",
            description = "A worker for each, such as thoughts,thoughts,rewards,trainer; by default ${DEFAULT-VALUE}.")
    private List<String> roles = List.of("all", "all");

    private final List<Process> workers = new ArrayList<>();
    private int started;

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new Chaos()).execute(arguments));
    }

    private static List<String> settings(TinyRun run, int iterations) {
        return run.settings(
                "sampling.prompts=" + PROMPTS,
                "sampling.branches=" + BRANCHES,
                "evaluation.every=20",
                "until.iterations=" + iterations);
    }

    @Override
    public Integer call() throws Exception {
        try (ServerRun run = new ServerRun("chaos")) {
            boolean good = disturb(run);
            run.close();
            if (good) {
                DurableFiles.deleteFolder(run.folder());
            } else {
                System.out.println("The run's files are in " + run.folder());
            }
            return good ? 0 : 1;
        }
    }

    private boolean disturb(ServerRun run) throws Exception {
        Instant begin = Instant.now();
        Process server = run.processes().startServer();
        for (String role : roles) {
            workers.add(worker(run, role));
        }
        // Iterations without end: the run is stopped after the last fault.
        run.start(settings(run.run(), 1_000_000));
        Set<String> again;
        long shards;
        try (ArtifactWatch watch = new ArtifactWatch(run.directory())) {
            ServerRun.head("fault", "", "last artifact", "next artifact after, s", "next iteration after, s");
            int number = 0;
            for (Fault fault : Fault.draw(seed, faults, roles.size())) {
                awaitMoment(run, watch, number == 0 ? "checkpoints/warmup-000004" : fileOf(fault, watch));
                Thread.sleep(fault.delay().toMillis());
                String newest = watch.newest();
                Instant moment = Instant.now();
                server = inflict(fault, run, server);
                Instant artifact = await(run, "an artifact", () -> watch.firstAfter(moment, ""));
                Instant iteration = await(run, "an iteration", () -> watch.firstAfter(moment, "/iteration.json"));
                number++;
                ServerRun.row(number, fault.words(), newest, seconds(moment, artifact), seconds(moment, iteration));
            }
            run.processes()
                    .strawberry(
                            "stop", ServerRun.ID, "--server", run.processes().server());
            run.processes()
                    .strawberry(
                            "result", ServerRun.ID, "--server", run.processes().server());
            again = watch.doneAgain();
            shards = watch.shards();
        }
        System.out.println();
        System.out.println(
                "disturbed run: " + Duration.between(begin, Instant.now()).toSeconds() + " s");
        return compare(run, shards, again);
    }

    private static String fileOf(Fault fault, ArtifactWatch watch) {
        return RunLayout.iteration(watch.finishedIteration() + fault.ahead()) + "/" + fault.file();
    }

    private static void awaitMoment(ServerRun run, ArtifactWatch watch, String path) throws Exception {
        Path file = run.directory().resolve(path);
        Path overtaken = run.directory().resolve(RunLayout.iterationRecord(1));
        await(
                run,
                path,
                () -> Files.exists(file) || (path.startsWith("checkpoints") && Files.exists(overtaken))
                        ? Optional.of(watch)
                        : Optional.empty());
    }

    private static <T> T await(ServerRun run, String what, Supplier<Optional<T>> value) throws InterruptedException {
        Instant end = Instant.now().plus(PATIENCE);
        while (Instant.now().isBefore(end)) {
            Optional<T> found = value.get();
            if (found.isPresent()) {
                return found.get();
            }
            Thread.sleep(3);
        }
        throw new IllegalStateException("waited in vain for " + what + "; the processes' output is in " + run.folder());
    }

    /** Returns when all that was killed is there again; the server that is there then. */
    private Process inflict(Fault fault, ServerRun run, Process server) throws Exception {
        int number = fault.worker();
        Process worker = workers.get(number);
        if (!worker.isAlive()) {
            throw new IllegalStateException("a worker has ended by itself; its output is in " + run.folder());
        }
        switch (fault.kind()) {
            case KILL_WORKER -> {
                TestProcesses.kill(worker);
                Thread.sleep(fault.lasts().toMillis());
                workers.set(number, worker(run, roles.get(number)));
                return server;
            }
            case END_WORKER -> {
                worker.destroy();
                if (!worker.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                    throw new IllegalStateException("a worker doesn't end; its output is in " + run.folder());
                }
                workers.set(number, worker(run, roles.get(number)));
                return server;
            }
            case FREEZE_WORKER -> {
                TestProcesses.signal(worker, "STOP");
                Thread.sleep(fault.lasts().toMillis());
                TestProcesses.signal(worker, "CONT");
                return server;
            }
            case KILL_SERVER, SERVER_DOWN -> {
                TestProcesses.kill(server);
                Thread.sleep(fault.lasts().toMillis());
                return run.processes().startServer();
            }
            case KILL_BOTH -> {
                TestProcesses.kill(server);
                TestProcesses.kill(worker);
                Thread.sleep(fault.lasts().toMillis());
                Process again = run.processes().startServer();
                workers.set(number, worker(run, roles.get(number)));
                return again;
            }
        }
        throw new AssertionError(fault.kind());
    }

    private Process worker(ServerRun run, String role) throws IOException {
        started++;
        return run.processes().worker("worker-" + started, "--roles", role);
    }

    private static String seconds(Instant from, Instant to) {
        return String.format(Locale.ROOT, "%.1f", Duration.between(from, to).toMillis() / 1000.0);
    }

    private static boolean compare(ServerRun run, long shards, Set<String> again) throws IOException {
        int iterations = Json.read(run.directory().resolve(RunLayout.RESULT), RunResult.class)
                .iteration();
        run.train("undisturbed", settings(run.run(), iterations));
        Map<String, String> disturbed = run.run().outcome(ServerRun.ID);
        Map<String, String> undisturbed = run.run().outcome("undisturbed");
        List<String> sequences = sequences(run.directory(), iterations);
        int duplicates = sequences.size() - new HashSet<>(sequences).size();
        int missing = iterations * PROMPTS * BRANCHES - new HashSet<>(sequences).size();
        boolean rows = iterationsInMetrics(run.directory())
                .equals(IntStream.rangeClosed(0, iterations).boxed().toList());

        System.out.println("iterations: " + iterations);
        System.out.println("policy, disturbed:   " + disturbed.get("policy"));
        System.out.println("policy, undisturbed: " + undisturbed.get("policy"));
        System.out.println("pairs of all iterations equal: " + disturbed.equals(undisturbed));
        System.out.println("shards sampled or scored again when finished: " + again.size() + " of " + shards);
        System.out.println("sequences: " + sequences.size() + ", twice " + duplicates + ", missing " + missing);
        System.out.println("metrics.jsonl has each iteration once: " + rows);
        return disturbed.equals(undisturbed) && again.isEmpty() && duplicates == 0 && missing == 0 && rows;
    }

    private static List<String> sequences(Path directory, int iterations) throws IOException {
        List<String> keys = new ArrayList<>();
        for (int iteration = 1; iteration <= iterations; iteration++) {
            try (Stream<Path> files = Files.list(directory.resolve(RunLayout.iteration(iteration)))) {
                files.filter(file -> file.getFileName().toString().matches("thoughts-\\d+\\.jsonl"))
                        .flatMap(file -> Json.readLines(file, ThoughtLine.class).stream())
                        .forEach(line -> keys.add(line.iteration() + "/" + line.prompt() + "/" + line.branch()));
            }
        }
        return keys;
    }

    private static List<Integer> iterationsInMetrics(Path directory) throws IOException {
        return Files.readAllLines(directory.resolve(RunLayout.METRICS)).stream()
                .map(line -> (Integer) Json.parse(line, Map.class).get("iteration"))
                .toList();
    }
}
