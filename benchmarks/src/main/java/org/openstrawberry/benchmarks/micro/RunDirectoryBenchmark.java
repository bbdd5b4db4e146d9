package org.openstrawberry.benchmarks.micro;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.store.ArtifactStore;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.MetricsLog;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.steps.ArtifactRef;

/** What a run writes in an iteration, each write forced to the disk under the current directory. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class RunDirectoryBenchmark {
    private static final int SEQUENCES = 64;
    private static final int TOKENS = 64;

    private Path directory;
    private ArtifactStore store;
    private MetricsLog metrics;
    private List<ThoughtLine> thoughts;
    private Map<String, Double> row;
    private int iteration;

    /** An iteration's thoughts and its row of metrics. */
    @Setup(Level.Trial)
    public void setUp() throws IOException {
        directory = Files.createTempDirectory(Path.of("").toAbsolutePath(), "run-");
        store = new ArtifactStore(directory);
        metrics = new MetricsLog(directory);
        int[] ids = IntStream.range(0, TOKENS).map(i -> i * 31).toArray();
        float[] numbers = new float[TOKENS];
        for (int i = 0; i < TOKENS; i++) {
            numbers[i] = -1f / (i + 1);
        }
        Optional<float[]> logprobs = Optional.of(numbers);
        thoughts = IntStream.range(0, SEQUENCES)
                .mapToObj(i -> new ThoughtLine(
                        1, i / 4, i % 4, ids, "a thought of a few words ".repeat(8), false, logprobs, Optional.empty()))
                .toList();
        row = new HashMap<>();
        for (int i = 0; i < 40; i++) {
            row.put("metric/" + i, i / 7.0);
        }
    }

    /** 64 thoughts of 64 tokens as an artifact: file, hash, directory. */
    @Benchmark
    public ArtifactRef artifact() {
        return store.once(RunLayout.thoughts(++iteration, 0), Json.lines(thoughts));
    }

    /** A row of 40 metrics. */
    @Benchmark
    public void metrics() {
        metrics.append(new IterationMetrics(++iteration, row));
    }

    /** Removes the directory. */
    @TearDown(Level.Trial)
    public void tearDown() throws IOException {
        DurableFiles.deleteFolder(directory);
    }
}
