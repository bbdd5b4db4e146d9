package org.openstrawberry.activities.policy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.CheckpointSpec;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.safetensors.SafetensorsWriter;

/**
 * The checkpoints of a run: folders of safetensors and JSON, published whole. One that is damaged counts as absent and is
 * moved aside when its place is needed.
 */
public final class Checkpoints {
    static final String POLICY = "policy.safetensors";
    static final String ADAPTER = "adapter.safetensors";
    static final String REFERENCE = "reference.safetensors";
    static final String OPTIMIZER = "optimizer.safetensors";
    /** Where the files of the first checkpoint are, as seen from another. */
    private static final String FIRST = "../000000/";
    /** The reference of a run that was never refreshed, or what adapters stand on. */
    private static final String FIRST_POLICY = FIRST + POLICY;
    /** The reference of such a run whose adapters go on from others. */
    private static final String FIRST_ADAPTER = FIRST + ADAPTER;

    private static final String STATE = "state.json";
    private static final String WARM_UP = "warmup-";

    private final Path runDirectory;
    private final Path folder;

    public Checkpoints(Path runDirectory) {
        this.runDirectory = runDirectory;
        this.folder = runDirectory.resolve(RunLayout.CHECKPOINTS);
    }

    /** The newest whole checkpoint at or before an iteration. */
    public Optional<Integer> newestWhole(int iteration) {
        return iterations().stream()
                .filter(number -> number <= iteration)
                .sorted(Comparator.reverseOrder())
                .filter(number -> info(RunLayout.checkpoint(number)).isPresent())
                .findFirst();
    }

    /** Supervised steps that need not be done again. */
    public int warmUpSteps(int all) {
        if (newestWhole(Integer.MAX_VALUE).isPresent()) {
            return all;
        }
        return numbers(WARM_UP).stream()
                .sorted(Comparator.reverseOrder())
                .filter(step -> info(RunLayout.warmUpCheckpoint(step)).isPresent())
                .findFirst()
                .orElse(0);
    }

    /**
     * The policy's weights after an iteration that {@link #newestWhole} gave, adapters merged.
     *
     * @param memory whose closing also closes them
     */
    public Weights policy(Run run, int iteration, NDManager memory) {
        Path adapters = file(RunLayout.checkpoint(iteration), ADAPTER);
        if (!Files.exists(adapters)) {
            return Weights.load(file(RunLayout.checkpoint(iteration), POLICY), memory);
        }
        try (Weights base = Weights.load(file(RunLayout.checkpoint(0), POLICY), memory);
                Weights trained = Weights.load(adapters, memory)) {
            return Adapters.of(run).orElseThrow().merged(base, trained, memory);
        }
    }

    /**
     * The files of an iteration's checkpoint, relative to the run directory, each with its SHA-256.
     *
     * @return empty where it is missing or damaged
     */
    public Map<String, String> files(int iteration) throws IOException {
        String checkpoint = RunLayout.checkpoint(iteration);
        Optional<CheckpointInfo> info = info(checkpoint);
        Map<String, String> files = new LinkedHashMap<>();
        if (info.isPresent()) {
            info.get().files().forEach((name, hash) -> {
                if (!name.startsWith(FIRST)) {
                    files.put(checkpoint + "/" + name, hash);
                }
            });
            files.put(checkpoint + "/" + STATE, Hashes.sha256(file(checkpoint, STATE)));
        }
        return files;
    }

    Path file(String checkpoint, String name) {
        return runDirectory.resolve(checkpoint).resolve(name);
    }

    /** What a checkpoint says of itself, if every file of it is what was written. */
    Optional<CheckpointInfo> info(String checkpoint) {
        Path directory = runDirectory.resolve(checkpoint);
        if (!Files.isRegularFile(directory.resolve(STATE))) {
            return Optional.empty();
        }
        try {
            CheckpointInfo info = Json.read(directory.resolve(STATE), CheckpointInfo.class);
            return Hashes.match(directory, info.files()) ? Optional.of(info) : Optional.empty();
        } catch (IOException | UncheckedIOException e) {
            return Optional.empty(); // half written or damaged: it counts as absent
        }
    }

    /** Publishes a checkpoint, unless a whole one is there. */
    void save(String checkpoint, CheckpointInfo info, Map<String, Map<String, NDArray>> tensors) {
        if (info(checkpoint).isPresent()) {
            return;
        }
        Path target = runDirectory.resolve(checkpoint);
        try {
            if (Files.exists(target)) {
                DurableFiles.moveAside(target);
            }
            DurableFiles.publishFolder(target, temporary -> write(temporary, info, tensors));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void write(Path directory, CheckpointInfo info, Map<String, Map<String, NDArray>> tensors)
            throws IOException {
        Map<String, String> hashes = new LinkedHashMap<>();
        for (Map.Entry<String, Map<String, NDArray>> file : tensors.entrySet()) {
            Path path = directory.resolve(file.getKey());
            SafetensorsWriter.write(path, file.getValue());
            hashes.put(file.getKey(), Hashes.sha256(path));
        }
        boolean first = info.reference().equals(CheckpointInfo.FIRST);
        if (first || (tensors.containsKey(ADAPTER) && !tensors.containsKey(POLICY))) {
            hashes.put(FIRST_POLICY, Hashes.sha256(directory.resolve(FIRST_POLICY)));
        }
        if (first && Files.exists(directory.resolve(FIRST_ADAPTER))) {
            hashes.put(FIRST_ADAPTER, Hashes.sha256(directory.resolve(FIRST_ADAPTER)));
        }
        CheckpointInfo complete = new CheckpointInfo(
                info.iteration(),
                info.warmUpStep(),
                info.warmUpLoss(),
                info.optimizerSteps(),
                info.reference(),
                info.refreshedAt(),
                hashes);
        Files.writeString(directory.resolve(STATE), Json.line(complete) + "\n");
    }

    /**
     * Drops checkpoints that no rule keeps: the last ones, every so many, the best, and iteration 0 stay.
     *
     * @param ahead iterations that sampling runs ahead: the newest checkpoint may be too late for the next thoughts
     */
    void prune(CheckpointSpec spec, int ahead, int bestIteration) {
        superfluous(spec, ahead, bestIteration).forEach(number -> delete(RunLayout.checkpoint(number)));
    }

    /** The folders that no rule keeps, those of the warm-up among them once it is over. */
    public List<String> unkept(CheckpointSpec spec, int ahead, int bestIteration) {
        boolean warm = newestWhole(Integer.MAX_VALUE).isPresent();
        return Stream.concat(
                        superfluous(spec, ahead, bestIteration).stream().map(RunLayout::checkpoint),
                        (warm ? numbers(WARM_UP) : List.<Integer>of()).stream().map(RunLayout::warmUpCheckpoint))
                .toList();
    }

    private List<Integer> superfluous(CheckpointSpec spec, int ahead, int bestIteration) {
        List<Integer> superfluous = new ArrayList<>();
        List<Integer> newestFirst =
                iterations().stream().sorted(Comparator.reverseOrder()).toList();
        List<Integer> last = newestFirst.subList(0, Math.min(Math.max(1 + ahead, spec.keepLast()), newestFirst.size()));
        for (int number : newestFirst) {
            boolean kept = number == 0
                    || number == bestIteration
                    || last.contains(number)
                    || (spec.keepEvery() > 0 && number % spec.keepEvery() == 0);
            if (!kept) {
                superfluous.add(number);
            }
        }
        return superfluous;
    }

    /** Drops the warm-up's checkpoints before a step. */
    void pruneWarmUp(int before) {
        numbers(WARM_UP).stream()
                .filter(step -> step < before)
                .forEach(step -> delete(RunLayout.warmUpCheckpoint(step)));
    }

    private void delete(String checkpoint) {
        try {
            DurableFiles.deleteFolder(runDirectory.resolve(checkpoint));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private List<Integer> iterations() {
        return numbers("");
    }

    private List<Integer> numbers(String prefix) {
        try {
            return DurableFiles.list(folder).stream()
                    .map(path -> path.getFileName().toString())
                    .filter(name -> name.matches(prefix + "\\d+"))
                    .map(name -> Integer.parseInt(name.substring(prefix.length())))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
