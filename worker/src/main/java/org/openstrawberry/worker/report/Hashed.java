package org.openstrawberry.worker.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.openstrawberry.activities.run.Fork;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.RunFile;

/**
 * One link of a run's lineage: what it is made of, or came out, with its SHA-256 as the run directory records it.
 *
 * @param place file, or what else it is
 */
record Hashed(String what, String place, String sha256) {

    static List<Hashed> of(RunReading run) {
        Path directory = run.directory();
        List<Hashed> links = new ArrayList<>();
        links.add(new Hashed("settings", "all settings, however written", RunFile.hash(run.spec(), directory)));
        links.add(new Hashed("run file", RunLayout.RUN_FILE, sha256(directory.resolve(RunLayout.RUN_FILE))));
        if (Files.exists(directory.resolve(RunLayout.FORK))) {
            run.read(RunLayout.FORK, Fork.Lineage.class)
                    .ifPresent(fork -> links.add(
                            new Hashed("forked from", fork.parent() + " after iteration " + fork.iteration(), "")));
        }
        if (Files.exists(directory.resolve(RunLayout.INPUTS))) {
            run.read(RunLayout.INPUTS, JsonNode.class)
                    .ifPresent(inputs -> inputs.path("files")
                            .fields()
                            .forEachRemaining(file -> links.add(new Hashed(
                                    "input", file.getKey(), file.getValue().asText()))));
        }
        checkpoints(directory)
                .forEach(checkpoint -> run.read(checkpoint + "/state.json", JsonNode.class)
                        .ifPresent(state -> state.path("files").fields().forEachRemaining(file -> {
                            if (!file.getKey().startsWith("..")) {
                                links.add(new Hashed(
                                        "checkpoint",
                                        checkpoint + "/" + file.getKey(),
                                        file.getValue().asText()));
                            }
                        })));
        run.result()
                .ifPresent(result ->
                        links.add(new Hashed("policy", result.policy() + " (its weights)", result.policySha256())));
        return links;
    }

    private static List<String> checkpoints(Path directory) {
        Path folder = directory.resolve(RunLayout.CHECKPOINTS);
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(path -> path.getFileName().toString().matches("(warmup-)?\\d+"))
                    .filter(path -> Files.exists(path.resolve("state.json")))
                    .map(path -> RunLayout.CHECKPOINTS + "/" + path.getFileName())
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String sha256(Path file) {
        try {
            return Hashes.sha256(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
