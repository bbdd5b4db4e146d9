package org.openstrawberry.activities.rewardmodel;

import ai.djl.ndarray.NDArray;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.model.safetensors.SafetensorsWriter;

/**
 * The checkpoints of a reward model's training: folders with weights, the optimiser's memory and all rows of metrics,
 * published whole. One that is damaged counts as absent and is moved aside when its place is needed.
 */
final class RewardCheckpoints {
    static final String MODEL = "model.safetensors";
    /** In its place where adapters are trained. */
    static final String ADAPTER = "adapter.safetensors";

    static final String OPTIMIZER = "optimizer.safetensors";
    static final String METRICS = "metrics.jsonl";
    private static final String STATE = "state.json";

    /** One more than is needed: should the newest be damaged, not all is lost. */
    private static final int KEPT = 2;

    private final Path runDirectory;

    RewardCheckpoints(Path runDirectory) {
        this.runDirectory = runDirectory;
    }

    /**
     * The content of {@code state.json}.
     *
     * @param step steps taken
     * @param optimizerSteps updates so far
     * @param files SHA-256 by file name
     */
    record Info(
            int step,
            long optimizerSteps,
            @JsonProperty(required = true) Map<String, String> files) {}

    Path file(int step, String name) {
        return folder(step).resolve(name);
    }

    /** The step of the newest whole checkpoint; 0 where there is none. */
    int newestWhole() {
        return steps().stream()
                .sorted(Comparator.reverseOrder())
                .filter(step -> info(step).isPresent())
                .findFirst()
                .orElse(0);
    }

    /** What a checkpoint says of itself, if every file of it is what was written. */
    Optional<Info> info(int step) {
        Path folder = folder(step);
        if (!Files.isRegularFile(folder.resolve(STATE))) {
            return Optional.empty();
        }
        try {
            Info info = Json.read(folder.resolve(STATE), Info.class);
            return Hashes.match(folder, info.files()) ? Optional.of(info) : Optional.empty();
        } catch (IOException | UncheckedIOException e) {
            return Optional.empty(); // half written or damaged: it counts as absent
        }
    }

    /** The rows of metrics up to a checkpoint. */
    List<Map<String, Double>> metrics(int step) {
        return Json.readLines(file(step, METRICS), MetricsRow.class).stream()
                .<Map<String, Double>>map(row -> row)
                .toList();
    }

    /** A row as Jackson reads it, in the order in which it was written. */
    static final class MetricsRow extends LinkedHashMap<String, Double> {
        private static final long serialVersionUID = 1;
    }

    /**
     * Publishes a checkpoint and drops all but the newest two.
     *
     * @param tensors by file
     */
    void save(
            int step,
            long optimizerSteps,
            Map<String, Map<String, NDArray>> tensors,
            List<Map<String, Double>> metrics) {
        try {
            Path target = folder(step);
            if (Files.exists(target)) {
                DurableFiles.moveAside(target);
            }
            DurableFiles.publishFolder(target, temporary -> {
                for (Map.Entry<String, Map<String, NDArray>> file : tensors.entrySet()) {
                    SafetensorsWriter.write(temporary.resolve(file.getKey()), file.getValue());
                }
                Files.write(
                        temporary.resolve(METRICS),
                        metrics.stream().map(Json::line).toList());
                Map<String, String> hashes = new LinkedHashMap<>();
                for (String name : Stream.concat(tensors.keySet().stream(), Stream.of(METRICS))
                        .toList()) {
                    hashes.put(name, Hashes.sha256(temporary.resolve(name)));
                }
                Files.writeString(temporary.resolve(STATE), Json.line(new Info(step, optimizerSteps, hashes)) + "\n");
            });
            List<Integer> newestFirst =
                    steps().stream().sorted(Comparator.reverseOrder()).toList();
            for (int older : newestFirst.subList(Math.min(KEPT, newestFirst.size()), newestFirst.size())) {
                DurableFiles.deleteFolder(folder(older));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Path folder(int step) {
        return runDirectory.resolve(RunLayout.CHECKPOINTS).resolve(String.format(Locale.ROOT, "%06d", step));
    }

    private List<Integer> steps() {
        try {
            return DurableFiles.list(runDirectory.resolve(RunLayout.CHECKPOINTS)).stream()
                    .map(path -> path.getFileName().toString())
                    .filter(name -> name.matches("\\d+"))
                    .map(Integer::parseInt)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
