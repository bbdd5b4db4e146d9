package org.openstrawberry.activities.rewardmodel;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.openstrawberry.activities.policy.Adapters;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RewardTrainingSpec;
import org.openstrawberry.model.adapter.Adapter;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.workflows.steps.RewardTrainingActivities.Exported;

/**
 * The run directory of a reward model's training, with what it was started with.
 *
 * @param directory absolute
 */
public record RewardTrainingRun(Path directory, RewardTrainingSpec spec, PreferenceData data) {
    /** The settings, defaults resolved. */
    static final String SETTINGS = "reward-training.json";
    /** The untrained model: the base's decoder under a fresh head. */
    static final String BASE = "base";

    private static final String LORA = "lora";

    /** How the inputs looked at the start: SHA-256 by path. */
    record Inputs(@JsonProperty(required = true) Map<String, String> files) {}

    /**
     * Checks the inputs and makes the directory that of this training; or, where it is that already, checks that settings
     * and inputs are the same. The caller holds the directory's lock.
     *
     * @throws InvalidInputException naming what is wrong
     */
    public static RewardTrainingRun prepare(RewardTrainingSpec spec, Path directory) {
        Path settings = directory.resolve(SETTINGS);
        if (Files.exists(directory.resolve(RunLayout.RUN_FILE))) {
            throw new InvalidInputException(
                    directory + ": is the directory of a run of online DPO; expected another --run-dir");
        }
        if (Files.exists(settings)) {
            checkSame(spec, Json.read(settings, RewardTrainingSpec.class), directory);
        } else if (isTaken(Path.of(spec.out()))) {
            throw new InvalidInputException(
                    spec.out() + ": is there already, expected a directory that this training makes");
        }
        RewardTrainingRun run = read(spec, directory);
        try {
            Inputs inputs = inputs(spec);
            if (Files.exists(settings)) {
                checkSameInputs(inputs, directory);
            } else {
                replace(directory.resolve(RunLayout.INPUTS), inputs);
                replace(settings, spec);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return run;
    }

    /** The training in a directory that {@link #prepare} has made. */
    static RewardTrainingRun open(Path directory) {
        return read(Json.read(directory.resolve(SETTINGS), RewardTrainingSpec.class), directory);
    }

    private static RewardTrainingRun read(RewardTrainingSpec spec, Path directory) {
        ModelDirectory base = ModelDirectory.openEither(Path.of(spec.base()));
        if (base.config().classifies() && base.config().labels() != 1) {
            throw new InvalidInputException(base.path().resolve("config.json") + ": found "
                    + base.config().labels() + " labels, expected a language model or a classifier with one");
        }
        spec.lora().ifPresent(lora -> Adapters.fresh(lora, base.config(), LORA));
        return new RewardTrainingRun(directory, spec, PreferenceData.read(spec, base));
    }

    /**
     * The adapters that are trained beside the head, if any.
     *
     * @param classifier that they stand on
     */
    Optional<Adapter> adapter(ModelConfig classifier) {
        return spec.lora()
                .map(lora -> new Adapter(Adapters.fresh(lora, classifier, LORA).withHead(), classifier));
    }

    /** Optimiser steps in all. */
    public int steps() {
        return spec.stepsOver(data.training().size());
    }

    /** Whether a directory is that of a reward model's training. */
    public static boolean isOne(Path directory) {
        return Files.exists(directory.resolve(SETTINGS));
    }

    /** What came out, where all steps are taken and the model is what the result says. */
    public Optional<Exported> finished() {
        Path file = directory.resolve(RunLayout.RESULT);
        Path model = Path.of(spec.out());
        if (!Files.exists(file) || !Files.exists(model)) {
            return Optional.empty();
        }
        try {
            Exported result = Json.read(file, Exported.class);
            return Optional.of(result)
                    .filter(known -> known.steps() >= steps())
                    .filter(known -> ModelDirectory.weightsSha256(model).equals(known.sha256()));
        } catch (UncheckedIOException e) {
            return Optional.empty(); // cut off by a crash: the training goes on and writes it again
        }
    }

    static void replace(Path file, Object content) throws IOException {
        DurableFiles.replace(file, temporary -> Files.writeString(temporary, Json.line(content) + "\n"));
    }

    private static boolean isTaken(Path out) {
        try {
            return Files.exists(out)
                    && !(Files.isDirectory(out) && DurableFiles.list(out).isEmpty());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void checkSame(RewardTrainingSpec spec, RewardTrainingSpec there, Path directory) {
        Map<String, Object> mine = settings(spec);
        Map<String, Object> theirs = settings(there);
        List<String> differences = new ArrayList<>();
        mine.forEach((key, value) -> {
            if (!value.equals(theirs.getOrDefault(key, "absent"))) {
                differences.add(key + ": here " + value + ", there " + theirs.getOrDefault(key, "absent"));
            }
        });
        theirs.forEach((key, value) -> {
            if (!mine.containsKey(key)) {
                differences.add(key + ": here absent, there " + value);
            }
        });
        if (!differences.isEmpty()) {
            throw new InvalidInputException(directory + ": is the run directory of another training ("
                    + String.join("; ", differences) + "); expected the same settings, or another --run-dir");
        }
    }

    @SuppressWarnings("unchecked") // JSON objects are maps by text
    private static Map<String, Object> settings(RewardTrainingSpec spec) {
        return Json.parse(Json.line(spec), Map.class);
    }

    private static Inputs inputs(RewardTrainingSpec spec) throws IOException {
        List<Path> files = new ArrayList<>(List.of(Path.of(spec.pairs())));
        spec.heldOut().map(Path::of).ifPresent(files::add);
        try (Stream<Path> model = Files.list(Path.of(spec.base()))) {
            model.filter(path -> path.toString().matches(".*\\.(json|safetensors)"))
                    .sorted()
                    .forEach(files::add);
        }
        Map<String, String> hashes = new LinkedHashMap<>();
        for (Path file : files) {
            hashes.put(file.toString(), Hashes.sha256(file));
        }
        return new Inputs(hashes);
    }

    private static void checkSameInputs(Inputs now, Path directory) {
        Inputs then = Json.read(directory.resolve(RunLayout.INPUTS), Inputs.class);
        now.files().forEach((path, hash) -> {
            if (!hash.equals(then.files().get(path))) {
                throw new InvalidInputException(
                        path + ": has changed since the training in " + directory + " was started (SHA-256 " + hash
                                + ", expected " + then.files().get(path) + ")");
            }
        });
    }
}
