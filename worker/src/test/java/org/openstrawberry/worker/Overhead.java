package org.openstrawberry.worker;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.temporal.client.WorkflowClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.Strawberry;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Seconds of an iteration that are not the model's: on the server inside the process, and on a real one with one worker
 * or several. The shapes are the shipped run's. What the model takes comes from the steps themselves; what is left is
 * waiting for tasks, files and everything else.
 */
@Command(
        name = "overhead",
        mixinStandardHelpOptions = true,
        description = "Seconds of an iteration outside the model, by phase.")
final class Overhead implements Callable<Integer> {
    /** The first iterations load classes and compile. */
    private static final int WARM = 5;

    private static final List<String> PHASES =
            List.of("sample", "generate", "score", "pair", "step", "refresh", "evaluate", "checkpoint");

    @Option(names = "--workers", split = ",", description = "Fleets: 1 of all roles, or 4 by role; by default both.")
    private List<Integer> fleets = List.of(1, 4);

    @Option(names = "--iterations", description = "By default ${DEFAULT-VALUE}; the first 5 don't count.")
    private int iterations = 40;

    @Option(
            names = "--slots",
            paramLabel = "ROLE=N",
            description = "Of every worker, as the worker command takes them.")
    private List<String> slots = List.of();

    @Option(names = "--pollers", paramLabel = "ROLE=N", description = "Likewise.")
    private List<String> pollers = List.of();

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new Overhead()).execute(arguments));
    }

    private List<String> settings() {
        return List.of("warmup.steps=100", "until.iterations=" + iterations);
    }

    /** What a run took: its rows of metrics, and its tasks by the server's history. */
    private record Measured(String where, List<Map<String, Double>> rows, StepTimes times) {
        double phase(String phase) {
            return mean(row -> row.getOrDefault("phase/seconds/" + phase, 0.0));
        }

        double iteration() {
            return mean(row -> row.getOrDefault("time/iteration", 0.0));
        }

        double model(String phase) {
            return IntStream.range(WARM + 1, rows.size())
                    .mapToDouble(iteration -> times.model(iteration, phase))
                    .average()
                    .orElse(0);
        }

        double model() {
            return PHASES.stream().mapToDouble(this::model).sum();
        }

        private double mean(ToDoubleFunction<Map<String, Double>> value) {
            return rows.stream().skip(WARM + 1L).mapToDouble(value).average().orElse(0);
        }
    }

    @Override
    public Integer call() throws Exception {
        List<Measured> all = new ArrayList<>();
        all.add(inProcess());
        for (int fleet : fleets) {
            all.add(onServer(fleet));
        }
        printPhases(all);
        all.forEach(Overhead::printSteps);
        return 0;
    }

    private static void printPhases(List<Measured> all) {
        List<Object> head = new ArrayList<>(List.of("seconds an iteration"));
        all.forEach(measured -> head.add(measured.where()));
        ServerRun.head(head.toArray());
        line("all", all, Measured::iteration);
        line("in the model", all, Measured::model);
        line("outside the model", all, measured -> measured.iteration() - measured.model());
        for (String phase : PHASES) {
            line("… " + phase, all, measured -> measured.phase(phase) - measured.model(phase));
        }
    }

    private static void line(String name, List<Measured> all, ToDoubleFunction<Measured> value) {
        List<Object> cells = new ArrayList<>(List.of(name));
        all.forEach(measured -> cells.add(decimals(value.applyAsDouble(measured))));
        ServerRun.row(cells.toArray());
    }

    /** Where the time of the tasks goes, by the server's own history. */
    private static void printSteps(Measured measured) {
        System.out.println("\n" + measured.where() + "\n");
        ServerRun.head("task", "an iteration", "until it is taken up, s", "worked on, s", "of that in the model, s");
        measured.times()
                .tasks()
                .forEach((name, task) -> ServerRun.row(
                        name,
                        String.format(
                                Locale.ROOT,
                                "%.1f",
                                (double) task.count() / (measured.rows().size() - 1 - WARM)),
                        decimals(task.waited() / task.count()),
                        decimals(task.worked() / task.count()),
                        decimals(task.model() / task.count())));
    }

    private static String decimals(double value) {
        return String.format(Locale.ROOT, "%.3f", value);
    }

    private Measured inProcess() throws IOException {
        Path folder = Files.createTempDirectory("strawberry-overhead-");
        RunSpec spec = RunFile.read(new TinyRun(folder).file(), settings());
        Path directory = folder.resolve(ServerRun.ID);
        RunSetup.prepare(spec, directory);
        try (EmbeddedTemporal temporal = EmbeddedTemporal.start();
                Tensors tensors = new Tensors();
                RunWorkers workers =
                        new RunWorkers(temporal.client(), new SimpleMeterRegistry(), tensors, new Rewards())) {
            workers.start();
            RunHandle.start(temporal.client(), ServerRun.ID, TrainingInput.start(spec, directory.toString()))
                    .result()
                    .block();
            return measured("in process", directory, temporal.client());
        } finally {
            DurableFiles.deleteFolder(folder);
        }
    }

    private Measured onServer(int fleet) throws Exception {
        try (ServerRun run = new ServerRun("overhead")) {
            run.processes().startServer();
            for (List<String> roles : roles(fleet)) {
                List<String> options = new ArrayList<>(roles);
                slots.forEach(slot -> options.addAll(List.of("--slots", slot)));
                pollers.forEach(poller -> options.addAll(List.of("--pollers", poller)));
                run.processes().worker("worker", options.toArray(String[]::new));
            }
            run.start(settings());
            run.processes()
                    .strawberry(
                            "result", ServerRun.ID, "--server", run.processes().server());
            try (Strawberry strawberry = run.connect()) {
                return measured(
                        fleet + (fleet == 1 ? " worker" : " workers") + ", real server",
                        run.directory(),
                        strawberry.client());
            } finally {
                run.close();
                DurableFiles.deleteFolder(run.folder());
            }
        }
    }

    /** What each worker of a fleet is started with. */
    private static List<List<String>> roles(int fleet) {
        if (fleet == 1) {
            return List.of(List.of());
        }
        if (fleet == 4) {
            return List.of(
                    List.of("--roles", "thoughts"),
                    List.of("--roles", "thoughts"),
                    List.of("--roles", "rewards"),
                    List.of("--roles", "trainer"));
        }
        throw new IllegalArgumentException("--workers: expected 1 or 4, found " + fleet);
    }

    private static Measured measured(String where, Path directory, WorkflowClient client) throws IOException {
        List<Map<String, Double>> rows = new ArrayList<>();
        for (String line : Files.readAllLines(directory.resolve(RunLayout.METRICS))) {
            Map<String, Double> row = new TreeMap<>();
            Json.parse(line, Map.class)
                    .forEach((name, value) -> row.put(String.valueOf(name), ((Number) value).doubleValue()));
            rows.add(row);
        }
        return new Measured(where, rows, StepTimes.read(client, ServerRun.ID, WARM));
    }
}
