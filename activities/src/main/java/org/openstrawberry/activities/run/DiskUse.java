package org.openstrawberry.activities.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;

/**
 * Where the space of a run directory is.
 *
 * @param parts by kind of file, the largest first; those without files are left out
 */
public record DiskUse(List<Part> parts) {
    /**
     * Files of one kind.
     *
     * @param bytes of them
     * @param shared those of the bytes that other run directories hold by hard links, and that are free only with the last
     */
    public record Part(String kind, long files, long bytes, long shared) {}

    /** Kinds by a pattern of the path, the first that fits. */
    private static final Map<String, String> KINDS = kinds();

    private static Map<String, String> kinds() {
        Map<String, String> kinds = new LinkedHashMap<>();
        kinds.put("(.*/)?[^/]*\\.invalid-\\d+(/.*)?", "damaged files, moved aside");
        kinds.put("(.*/)?\\.[^/]*\\.tmp(/.*)?", "left by killed attempts");
        kinds.put(RunLayout.CHECKPOINTS + "/warmup-.*", "checkpoints of the warm-up");
        kinds.put(RunLayout.CHECKPOINTS + "/.*", "checkpoints");
        kinds.put(RunLayout.ITERATIONS + "/\\d+/thoughts-.*", "thoughts");
        kinds.put(RunLayout.ITERATIONS + "/\\d+/(tree|wave)-.*", "trees of thoughts");
        kinds.put(RunLayout.ITERATIONS + "/\\d+/scores-.*", "scores");
        kinds.put(RunLayout.ITERATIONS + "/\\d+/pairs\\..*", "pairs");
        kinds.put(RunLayout.ITERATIONS + "/\\d+/evaluation\\..*", "evaluations");
        kinds.put(RunLayout.ITERATIONS + "/.*", "prompts, steps and records");
        kinds.put(RunLayout.POLICY + "/.*", "policy");
        kinds.put("input/.*", "input");
        kinds.put("log", "log");
        kinds.put(".*", "metrics, settings and report");
        return kinds;
    }

    /** @throws InvalidInputException if it is no run directory */
    public static DiskUse of(Path directory) {
        if (!Files.exists(directory.resolve(RunLayout.RUN_FILE))) {
            throw new InvalidInputException(directory + ": not a run directory, it has no " + RunLayout.RUN_FILE);
        }
        Map<String, Part> parts = new LinkedHashMap<>();
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                String kind = kind(directory.relativize(file).toString().replace('\\', '/'));
                Part part = parts.getOrDefault(kind, new Part(kind, 0, 0, 0));
                long bytes = size(file);
                parts.put(
                        kind,
                        new Part(
                                kind,
                                part.files() + 1,
                                part.bytes() + bytes,
                                part.shared() + (isShared(file) ? bytes : 0)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new DiskUse(parts.values().stream()
                .sorted((a, b) -> Long.compare(b.bytes(), a.bytes()))
                .toList());
    }

    /** All of it. */
    public Part whole() {
        return new Part(
                "all",
                parts.stream().mapToLong(Part::files).sum(),
                parts.stream().mapToLong(Part::bytes).sum(),
                parts.stream().mapToLong(Part::shared).sum());
    }

    private static String kind(String path) {
        return KINDS.entrySet().stream()
                .filter(kind -> path.matches(kind.getKey()))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElseThrow();
    }

    private static long size(Path file) throws IOException {
        try {
            return Files.size(file);
        } catch (NoSuchFileException e) {
            return 0; // dropped meanwhile
        }
    }

    private static boolean isShared(Path file) {
        try {
            return Files.getAttribute(file, "unix:nlink") instanceof Integer links && links > 1;
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return false; // not a file system that tells
        }
    }
}
