package org.openstrawberry.worker.report;

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
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.stream.Stream;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.MetricsLog;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.RunResult;

/**
 * A run directory as it is now, whether its run ended, lives, or was stopped midway. What is damaged is left out and told
 * in {@link #problems}; only the settings must be whole.
 */
final class RunReading {
    private final Path directory;
    private final RunSpec spec;
    private final String yaml;
    private final List<String> problems = new ArrayList<>();
    private final List<IterationMetrics> rows;
    private final Optional<RunResult> result;

    private RunReading(Path directory, RunSpec spec, String yaml) {
        this.directory = directory;
        this.spec = spec;
        this.yaml = yaml;
        rows = readRows();
        result = Files.exists(directory.resolve(RunLayout.RESULT))
                ? read(RunLayout.RESULT, RunResult.class)
                : Optional.empty();
    }

    /** @throws InvalidInputException if it is no run directory, or its settings can't be read */
    static RunReading of(Path given) {
        Path directory = given.toAbsolutePath().normalize();
        Path runFile = directory.resolve(RunLayout.RUN_FILE);
        if (!Files.exists(runFile)) {
            throw new InvalidInputException(given + ": not a run directory, it has no " + RunLayout.RUN_FILE);
        }
        RunSpec spec = RunFile.read(runFile, List.of());
        try {
            RunReading reading = new RunReading(directory, spec, Files.readString(runFile));
            reading.checkRunFile(runFile);
            return reading;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void checkRunFile(Path runFile) throws IOException {
        Path hash = directory.resolve(RunLayout.RUN_FILE_HASH);
        if (Files.exists(hash) && !Files.readString(hash).startsWith(Hashes.sha256(runFile))) {
            problems.add(RunLayout.RUN_FILE + " is not what " + RunLayout.RUN_FILE_HASH + " says");
        }
    }

    Path directory() {
        return directory;
    }

    /** By which it is told from others: that of its directory. */
    String name() {
        return String.valueOf(directory.getFileName());
    }

    RunSpec spec() {
        return spec;
    }

    /** The text of the run file. */
    String yaml() {
        return yaml;
    }

    /** In the order of iterations, without repetition. */
    List<IterationMetrics> rows() {
        return rows;
    }

    /** Its rows, to be drawn. */
    Curves.Source curve() {
        return new Curves.Source(name(), rows);
    }

    /** How the run ended; empty where it did not. */
    Optional<RunResult> result() {
        return result;
    }

    /** What could not be read, in words. */
    List<String> problems() {
        return problems;
    }

    /** The last iteration with a row; 0 where there is none. */
    int iteration() {
        return rows.isEmpty() ? 0 : rows.get(rows.size() - 1).iteration();
    }

    /** The values that iterations have of a metric, in their order. */
    List<Double> values(String metric) {
        return rows.stream().flatMap(row -> row.value(metric).stream()).toList();
    }

    double sum(String metric) {
        return values(metric).stream().mapToDouble(Double::doubleValue).sum();
    }

    OptionalDouble mean(String metric) {
        return values(metric).stream().mapToDouble(Double::doubleValue).average();
    }

    /** Sequences that an iteration sampled. */
    static double sequences(IterationMetrics row) {
        return row.value("thoughts/tokens")
                .flatMap(tokens -> row.value("thoughts/mean_length")
                        .filter(length -> length > 0)
                        .map(length -> (double) Math.round(tokens / length)))
                .orElse(0.0);
    }

    /** The iterations whose file of that kind is there. */
    List<Integer> iterationsWith(Function<Integer, String> file) {
        return rows.stream()
                .map(IterationMetrics::iteration)
                .filter(iteration -> Files.exists(directory.resolve(file.apply(iteration))))
                .toList();
    }

    /** A file's object; empty, and a problem, where it can't be read. */
    <T> Optional<T> read(String path, Class<T> type) {
        try {
            return Optional.of(Json.read(directory.resolve(path), type));
        } catch (UncheckedIOException | IllegalArgumentException e) {
            problems.add(path + " can't be read");
            return Optional.empty();
        }
    }

    /** A file's lines; those that can't be read are left out, and are a problem. */
    <T> List<T> lines(String path, Class<T> type) {
        List<T> lines = new ArrayList<>();
        int damaged = 0;
        for (String line : text(path).lines().toList()) {
            try {
                T value = Json.parse(line, type);
                if (value != null) {
                    lines.add(value);
                }
            } catch (UncheckedIOException e) {
                damaged++;
            }
        }
        if (damaged > 0) {
            problems.add(path + ": " + damaged + (damaged == 1 ? " line" : " lines") + " can't be read");
        }
        return lines;
    }

    /** A file's text, whatever bytes it holds; empty where it is not there. */
    private String text(String path) {
        Path file = directory.resolve(path);
        try {
            return Files.exists(file) ? new String(Files.readAllBytes(file), StandardCharsets.UTF_8) : "";
        } catch (IOException e) {
            problems.add(path + " can't be read: " + e.getClass().getSimpleName());
            return "";
        }
    }

    private List<IterationMetrics> readRows() {
        Map<Integer, IterationMetrics> byIteration = new LinkedHashMap<>();
        for (JsonNode line : lines(RunLayout.METRICS, JsonNode.class)) {
            MetricsLog.row(line).ifPresent(row -> byIteration.put(row.iteration(), row));
        }
        return byIteration.values().stream()
                .sorted((a, b) -> Integer.compare(a.iteration(), b.iteration()))
                .toList();
    }

    /** The files of all shards of an iteration. */
    List<String> shards(Function<Integer, String> file) {
        return Stream.iterate(0, shard -> shard + 1)
                .map(file)
                .takeWhile(path -> Files.exists(directory.resolve(path)))
                .toList();
    }

    long size(String path) {
        try {
            return Files.size(directory.resolve(path));
        } catch (IOException e) {
            return 0; // dropped meanwhile
        }
    }
}
