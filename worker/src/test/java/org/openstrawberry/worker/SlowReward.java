package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.JsonNode;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.WorkerSpec;
import org.openstrawberry.config.WorkerSpec.Counts;
import org.openstrawberry.worker.RunWorkers.Role;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.client.RunHandle;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Seconds of an iteration with a reward that is waited for: scored after its shard, as waves end, and with sampling ahead of
 * the step. Everything is in one process; only who scores differs.
 */
@Command(
        name = "slow-reward",
        mixinStandardHelpOptions = true,
        description = "Seconds of an iteration with a slow HTTP reward, by how it overlaps; about two minutes.")
final class SlowReward implements Callable<Integer> {
    /** The first iterations load classes and compile. */
    private static final int WARM = 2;

    private static final WorkerSpec TUNING = new WorkerSpec(new Counts(8, 8, 2), new Counts(2, 2, 1));

    @Option(names = "--millis", description = "That each request takes; by default ${DEFAULT-VALUE}.")
    private long millis = 200;

    @Option(names = "--iterations", description = "By default ${DEFAULT-VALUE}; the first 2 don't count.")
    private int iterations = 12;

    @Option(names = "--set", paramLabel = "path=value", description = "Over the shipped run's settings.")
    private List<String> sets = List.of();

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new SlowReward()).execute(arguments));
    }

    @Override
    public Integer call() throws Exception {
        Set<Role> all = EnumSet.allOf(Role.class);
        ServerRun.head("reward of " + millis + " ms", "iteration, s", "in the model, s", "trainer idle, s");
        List<Set<Role>> apart = List.of(EnumSet.of(Role.THOUGHTS, Role.TRAINER), EnumSet.of(Role.REWARDS));
        measure("after the shard, one shard", apart, "sampling.shards=1");
        measure("after the shard, two shards", apart, "sampling.shards=2");
        measure("as waves end, one shard", List.of(all), "sampling.shards=1");
        measure("as waves end, one shard, ahead", List.of(all), "sampling.shards=1", "sampling.ahead=1");
        return 0;
    }

    private void measure(String name, List<Set<Role>> fleet, String... settings) throws Exception {
        Path folder = Files.createTempDirectory("strawberry-slow-reward-");
        List<RunWorkers> workers = new ArrayList<>();
        try (SlowService service = new SlowService(millis);
                EmbeddedTemporal temporal = EmbeddedTemporal.start();
                Tensors tensors = new Tensors()) {
            List<String> all = new ArrayList<>(List.of(
                    "warmup.steps=100",
                    "data.held-out=null",
                    "until.iterations=" + iterations,
                    "checkpoints.every=100",
                    "sampling.prompts=64",
                    "sampling.wave-rows=32",
                    "reward.verifier=null",
                    "reward.http={url: '" + service.url() + "'}",
                    "reward.concurrency=16"));
            all.addAll(List.of(settings));
            all.addAll(sets);
            RunSpec spec = RunFile.read(new TinyRun(folder).file(), all);
            Path directory = folder.resolve(ServerRun.ID);
            RunSetup.prepare(spec, directory);
            for (Set<Role> roles : fleet) {
                workers.add(new RunWorkers(
                        temporal.client(),
                        new SimpleMeterRegistry(),
                        tensors,
                        new Rewards(),
                        roles,
                        TUNING,
                        Optional.empty()));
            }
            workers.forEach(RunWorkers::start);
            RunHandle.start(temporal.client(), ServerRun.ID, TrainingInput.start(spec, directory.toString()))
                    .result()
                    .block();
            workers.forEach(RunWorkers::close);
            ServerRun.row(
                    name,
                    mean(directory, "/time~1iteration"),
                    mean(directory, "/time~1model"),
                    mean(directory, "/phase~1idle"));
        } finally {
            DurableFiles.deleteFolder(folder);
        }
    }

    private static String mean(Path directory, String pointer) throws Exception {
        double mean = Files.readAllLines(directory.resolve(RunLayout.METRICS)).stream()
                .skip(WARM + 1L)
                .map(line -> Json.parse(line, JsonNode.class))
                .mapToDouble(row -> row.at(pointer).asDouble())
                .average()
                .orElse(Double.NaN);
        return String.format(Locale.ROOT, "%.3f", mean);
    }
}
