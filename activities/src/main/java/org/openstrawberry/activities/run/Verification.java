package org.openstrawberry.activities.run;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.activities.policy.StepFile;
import org.openstrawberry.activities.store.ArtifactStore;
import org.openstrawberry.activities.store.DamagedArtifactException;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.MetricsLog;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.RunResult;

/**
 * Computes every hash of a run directory again, and compares what is there twice. Reads only.
 *
 * @param files whose content was compared
 * @param faults what is not as recorded, each beginning with its file
 * @param aside files that were found damaged earlier, and replaced by good ones
 */
public record Verification(int files, List<String> faults, List<String> aside) {

    /**
     * Verifies a run directory, whether its run is over or not. What is at fault is looked at twice: a run that goes on
     * meanwhile has files of which the companions are still to come.
     *
     * @throws InvalidInputException if it is no run directory
     */
    public static Verification of(Path directory) {
        return of(directory, () -> {});
    }

    /** @param between done before the second look */
    static Verification of(Path directory, Runnable between) {
        Verification first = once(directory);
        if (first.isWhole()) {
            return first;
        }
        between.run();
        Verification second = once(directory);
        return new Verification(
                second.files(),
                second.faults().stream().filter(first.faults()::contains).toList(),
                second.aside());
    }

    private static Verification once(Path directory) {
        Path root = directory.toAbsolutePath().normalize();
        if (!Files.exists(root.resolve(RunLayout.RUN_FILE))) {
            throw new InvalidInputException(directory + ": not a run directory, it has no " + RunLayout.RUN_FILE);
        }
        Check check = new Check(root);
        try {
            check.runFile();
            check.inputs();
            check.iterations();
            check.checkpoints();
            check.forkedFiles();
            check.metrics();
            check.policy();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new Verification(check.files, check.faults, check.aside);
    }

    /** Whether all is as recorded. */
    public boolean isWhole() {
        return faults.isEmpty();
    }

    /** A verification under way. */
    private static final class Check {
        private final Path root;
        private final ArtifactStore store;
        private final List<String> faults = new ArrayList<>();
        private final List<String> aside = new ArrayList<>();
        private int files;

        Check(Path root) {
            this.root = root;
            store = new ArtifactStore(root);
        }

        private void fault(String path, String what) {
            faults.add(root.resolve(path) + ": " + what);
        }

        private void compare(String path, String expected, String by) throws IOException {
            Path file = root.resolve(path);
            if (!Files.isRegularFile(file)) {
                fault(path, "missing, expected SHA-256 " + expected + " by " + by);
                return;
            }
            files++;
            String found = Hashes.sha256(file);
            if (!found.equals(expected)) {
                fault(path, "SHA-256 is " + found + ", expected " + expected + " by " + by);
            }
        }

        private <T> Optional<T> read(String path, Class<T> type) {
            if (!Files.exists(root.resolve(path))) {
                return Optional.empty();
            }
            try {
                return Optional.of(Json.read(root.resolve(path), type));
            } catch (UncheckedIOException | IllegalArgumentException e) {
                fault(path, "can't be read, expected JSON");
                return Optional.empty();
            }
        }

        private Map<String, String> hashes(String path, JsonNode node) {
            Map<String, String> hashes = new LinkedHashMap<>();
            node.path("files")
                    .fields()
                    .forEachRemaining(
                            file -> hashes.put(file.getKey(), file.getValue().asText()));
            if (hashes.isEmpty()) {
                fault(path, "names no file, expected each with its SHA-256");
            }
            return hashes;
        }

        void runFile() throws IOException {
            Path hash = root.resolve(RunLayout.RUN_FILE_HASH);
            if (Files.exists(hash)) {
                compare(RunLayout.RUN_FILE, text(hash).split(" ", 2)[0], RunLayout.RUN_FILE_HASH);
            } else {
                fault(RunLayout.RUN_FILE_HASH, "missing, expected the SHA-256 of " + RunLayout.RUN_FILE);
            }
            try {
                RunFile.read(root.resolve(RunLayout.RUN_FILE), List.of());
            } catch (InvalidInputException e) {
                faults.add(String.valueOf(e.getMessage()));
            }
        }

        private static String text(Path file) throws IOException {
            return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        }

        void inputs() throws IOException {
            if (!Files.exists(root.resolve(RunLayout.INPUTS))) {
                fault(RunLayout.INPUTS, "missing, expected the hashes of data and model files");
            }
            Optional<JsonNode> inputs = read(RunLayout.INPUTS, JsonNode.class);
            if (inputs.isPresent()) {
                for (Map.Entry<String, String> file :
                        hashes(RunLayout.INPUTS, inputs.get()).entrySet()) {
                    compare(file.getKey(), file.getValue(), RunLayout.INPUTS);
                }
            }
        }

        void iterations() throws IOException {
            int last = RunSetup.lastRecorded(root);
            for (Path folder : DurableFiles.list(root.resolve(RunLayout.ITERATIONS))) {
                String name = RunLayout.ITERATIONS + "/" + folder.getFileName();
                if (folder.getFileName().toString().matches("\\d+")) {
                    artifacts(name);
                    int number = Integer.parseInt(folder.getFileName().toString());
                    if (number > last && Files.exists(root.resolve(RunLayout.iterationRecord(number)))) {
                        fault(RunLayout.iterationRecord(last + 1), "missing, though iteration " + number + " is done");
                    }
                } else {
                    noteAside(folder);
                }
            }
            for (int number = 1; number <= last; number++) {
                step(number);
            }
        }

        private void artifacts(String folder) throws IOException {
            for (Path file : DurableFiles.list(root.resolve(folder))) {
                String name = file.getFileName().toString();
                String path = folder + "/" + name;
                if (name.startsWith(".")) {
                    continue; // what a killed attempt left, or one under way
                }
                if (name.endsWith(ArtifactStore.HASH)) {
                    String artifact = path.substring(0, path.length() - ArtifactStore.HASH.length());
                    if (!Files.exists(root.resolve(artifact))) {
                        fault(artifact, "missing, but its SHA-256 is there");
                    }
                } else if (name.contains(".invalid-")) {
                    noteAside(file);
                } else {
                    files++;
                    try {
                        store.require(path);
                    } catch (DamagedArtifactException e) {
                        faults.add(String.valueOf(e.getMessage()));
                    }
                }
            }
        }

        private void noteAside(Path file) {
            if (String.valueOf(file.getFileName()).contains(".invalid-")) {
                aside.add(root.relativize(file).toString());
            }
        }

        /** What it takes to take a step again must be there, and fit. */
        private void step(int number) throws IOException {
            String pairs = RunLayout.pairs(number);
            for (String path : List.of(RunLayout.prompts(number), pairs, RunLayout.step(number))) {
                if (!Files.exists(root.resolve(path))) {
                    fault(path, "missing, though the iteration is done");
                }
            }
            Optional<StepFile> step = read(RunLayout.step(number), StepFile.class);
            if (step.isPresent() && Files.exists(root.resolve(pairs))) {
                String found = Hashes.sha256(root.resolve(pairs));
                if (!found.equals(step.get().pairsSha256())) {
                    fault(
                            pairs,
                            "SHA-256 is " + found + ", expected " + step.get().pairsSha256() + " by "
                                    + RunLayout.step(number));
                }
            }
        }

        void checkpoints() throws IOException {
            List<Path> folders = DurableFiles.list(root.resolve(RunLayout.CHECKPOINTS));
            for (Path folder : folders) {
                String name = folder.getFileName().toString();
                if (name.matches("(warmup-)?\\d+")) {
                    checkpoint(name);
                } else {
                    noteAside(folder);
                }
            }
            if (Files.exists(root.resolve(RunLayout.iterationRecord(0)))
                    && !Files.isDirectory(root.resolve(RunLayout.checkpoint(0)))) {
                fault(RunLayout.checkpoint(0), "missing, expected the checkpoint that all others are rebuilt from");
            }
        }

        private void checkpoint(String name) throws IOException {
            String folder = RunLayout.CHECKPOINTS + "/" + name;
            String path = folder + "/state.json";
            if (!Files.exists(root.resolve(path))) {
                fault(path, "missing, expected what the checkpoint says of itself");
                return;
            }
            Optional<JsonNode> state = read(path, JsonNode.class);
            if (state.isPresent()) {
                files++;
                JsonNode number = state.get().path(name.startsWith("warmup-") ? "warm_up_step" : "iteration");
                int expected = Integer.parseInt(name.replace("warmup-", ""));
                if (!number.isInt() || number.intValue() != expected) {
                    fault(path, "is of " + number + ", expected " + expected);
                }
                for (Map.Entry<String, String> file : hashes(path, state.get()).entrySet()) {
                    String place = root.relativize(
                                    root.resolve(folder).resolve(file.getKey()).normalize())
                            .toString();
                    compare(place, file.getValue(), path);
                }
            }
        }

        /** Of what a fork took, checkpoints may have been dropped since. */
        void forkedFiles() throws IOException {
            Optional<JsonNode> fork = read(RunLayout.FORK, JsonNode.class);
            if (fork.isPresent()) {
                for (Map.Entry<String, String> file :
                        hashes(RunLayout.FORK, fork.get()).entrySet()) {
                    if (Files.exists(root.resolve(file.getKey()))) {
                        compare(file.getKey(), file.getValue(), RunLayout.FORK);
                    }
                }
            }
        }

        /** Each row stands in its iteration's record too. */
        void metrics() {
            List<IterationMetrics> rows = new ArrayList<>();
            for (int number = 0; ; number++) {
                Optional<IterationRecord> record = RunSetup.record(root, number);
                if (record.isEmpty()) {
                    break;
                }
                rows.add(record.get().metrics());
            }
            if (!rows.isEmpty()) {
                files++;
                new MetricsLog(root)
                        .firstDifference(rows)
                        .ifPresent(line -> faults.add(root.resolve(RunLayout.METRICS) + ":" + line
                                + ": is not the row of " + RunLayout.iterationRecord(line - 1)));
            }
        }

        void policy() throws IOException {
            Optional<RunResult> result = read(RunLayout.RESULT, RunResult.class);
            if (result.isEmpty()) {
                return;
            }
            String folder = result.get().policy();
            String expected = result.get().policySha256();
            if (folder == null || expected == null) {
                fault(RunLayout.RESULT, "names no policy with its SHA-256");
                return;
            }
            files++;
            try {
                String found = ModelDirectory.weightsSha256(root.resolve(folder));
                if (!found.equals(expected)) {
                    fault(
                            folder,
                            "the weights' SHA-256 is " + found + ", expected " + expected + " by " + RunLayout.RESULT);
                }
                ModelDirectory.open(root.resolve(folder));
            } catch (UncheckedIOException | InvalidInputException e) {
                fault(folder, "can't be read as a model: " + e.getMessage());
            }
            if (result.get().iteration() > RunSetup.lastRecorded(root)) {
                fault(RunLayout.RESULT, "is of iteration " + result.get().iteration() + ", which is not there");
            }
            companions(folder);
        }

        /** What the policy takes over from its base as it is. */
        private void companions(String folder) throws IOException {
            Path base;
            try {
                base = Path.of(RunFile.read(root.resolve(RunLayout.RUN_FILE), List.of())
                        .model()
                        .policy());
            } catch (InvalidInputException e) {
                return; // told already
            }
            for (Path file : DurableFiles.list(root.resolve(folder))) {
                String name = file.getFileName().toString();
                Path original = base.resolve(name);
                boolean taken = !name.equals("config.json")
                        && !name.matches(".*\\.safetensors(\\.index\\.json)?")
                        && Files.isRegularFile(original);
                if (taken) {
                    compare(folder + "/" + name, Hashes.sha256(original), original.toString());
                }
            }
        }
    }
}
