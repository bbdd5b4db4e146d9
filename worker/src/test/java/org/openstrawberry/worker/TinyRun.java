package org.openstrawberry.worker;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.config.ShippedRuns;
import org.openstrawberry.model.pretrained.ModelInitializer;

/** A run of seconds: the shipped one with fewer steps and prompts, in a folder of its own. */
final class TinyRun {
    private final Path folder;

    TinyRun(Path folder) {
        this.folder = folder;
        ShippedRuns.copyTo("letter-count", folder);
        thin("train.jsonl", 10);
        thin("warmup.jsonl", 20);
    }

    /** Keeps each n-th line: every start of a run reads and encodes them all. */
    private void thin(String name, int n) {
        Path file = folder.resolve("letter-count").resolve(name);
        try {
            List<String> lines = Files.readAllLines(file);
            Files.write(
                    file,
                    IntStream.range(0, lines.size())
                            .filter(line -> line % n == 0)
                            .mapToObj(lines::get)
                            .toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Trained once, in one process that nobody disturbs, for all tests that compare with it. */
    private static final class Undisturbed {
        static final Map<String, String> OUTCOME = train();

        private static Map<String, String> train() {
            try {
                Path folder = Files.createTempDirectory("strawberry-undisturbed-");
                TinyRun run = new TinyRun(folder);
                if (Main.run(run.train("run").toArray(String[]::new)) != 0) {
                    throw new IllegalStateException("the undisturbed run failed");
                }
                Map<String, String> outcome = run.outcome("run");
                DurableFiles.deleteFolder(folder);
                return outcome;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** The {@link #outcome} of a run without further settings that was left alone. */
    static Map<String, String> undisturbed() {
        return Undisturbed.OUTCOME;
    }

    Path file() {
        return folder.resolve("letter-count.yaml");
    }

    /** A new run directory in the folder. */
    Path directory(String name) {
        return folder.resolve(name);
    }

    /** What makes it tiny, over the shipped file. */
    List<String> settings(String... more) {
        List<String> settings = new ArrayList<>(List.of(
                "warmup.steps=12",
                "warmup.checkpoint-every=4",
                "warmup.batch=16",
                "sampling.prompts=6",
                "sampling.branches=6",
                "sampling.max-new-tokens=12",
                "reward.verifier={kind: regex, pattern: '[1=]'}",
                "until.iterations=6",
                "reference.every=2",
                "evaluation.every=3",
                "checkpoints.every=4"));
        settings.addAll(List.of(more));
        return settings;
    }

    /** The command line that trains it. */
    List<String> train(String name, String... more) {
        List<String> arguments = new ArrayList<>(List.of("train", file().toString()));
        arguments.addAll(List.of("--run-dir", directory(name).toString()));
        settings(more).forEach(setting -> arguments.addAll(List.of("--set", setting)));
        return arguments;
    }

    /** The command line that starts it on a server, under its directory's name. */
    List<String> start(String name, String server, String... more) {
        List<String> arguments = train(name, more);
        arguments.set(0, "start");
        arguments.addAll(List.of("--id", name, "--server", server));
        return arguments;
    }

    /** The thoughts and scores that are published, each with what tells a file from another of the same name. */
    Map<String, String> shards(String name) throws IOException {
        Map<String, String> shards = new TreeMap<>();
        if (Files.notExists(directory(name).resolve("iterations"))) {
            return shards;
        }
        try (Stream<Path> all = Files.walk(directory(name).resolve("iterations"))) {
            for (Path file : all.filter(path -> path.getFileName().toString().matches("(thoughts|scores)-\\d+\\.jsonl"))
                    .filter(path -> Files.exists(path.resolveSibling(path.getFileName() + ".sha256")))
                    .toList()) {
                BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
                shards.put(file.toString(), String.valueOf(attributes.fileKey()));
            }
        }
        return shards;
    }

    /** SHA-256 of all that must be equal between two runs: the policy, and the pairs of every iteration. */
    Map<String, String> outcome(String name) throws IOException {
        Path directory = directory(name);
        Map<String, String> hashes = new TreeMap<>();
        hashes.put("policy", Hashes.sha256(directory.resolve("policy/model.safetensors")));
        try (Stream<Path> files = Files.walk(directory.resolve("iterations"))) {
            for (Path file : files.filter(path -> path.endsWith("pairs.jsonl")).toList()) {
                hashes.put(directory.relativize(file).toString(), Hashes.sha256(file));
            }
        }
        return hashes;
    }

    /** SHA-256 of the optimiser's state after the last iteration. */
    String optimizer(String name) throws IOException {
        return Hashes.sha256(directory(name).resolve("checkpoints/000006/optimizer.safetensors"));
    }

    /** The rows of {@code metrics.jsonl} without times and speeds: equal between two runs of the same settings. */
    List<Map<String, Object>> metrics(String name) throws IOException {
        List<Map<String, Object>> rows = new ArrayList<>();
        for (String line : Files.readAllLines(directory(name).resolve("metrics.jsonl"))) {
            Map<String, Object> row =
                    new ObjectMapper().readValue(line, new TypeReference<TreeMap<String, Object>>() {});
            row.keySet().removeIf(key -> key.matches("(phase|time)/.*|.*_per_second"));
            rows.add(row);
        }
        return rows;
    }

    /** A sequence classifier of the policy's shape, with fresh weights large enough to tell texts apart. */
    Path rewardModel() throws IOException {
        Path base = folder.resolve("letter-count/base");
        Path config = Files.createDirectories(folder.resolve("reward-config"));
        ObjectMapper json = new ObjectMapper();
        ObjectNode root = (ObjectNode) json.readTree(base.resolve("config.json").toFile());
        root.putArray("architectures").add("LlamaForSequenceClassification");
        root.put("num_labels", 1).put("initializer_range", 0.2).put("tie_word_embeddings", false);
        json.writeValue(config.resolve("config.json").toFile(), root);
        for (String file : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.copy(base.resolve(file), config.resolve(file));
        }
        ModelInitializer.init(config, 3, folder.resolve("reward-model"));
        return folder.resolve("reward-model");
    }

    /** Copies a folder to where nothing is yet. */
    static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file).toString()));
            }
        }
    }
}
