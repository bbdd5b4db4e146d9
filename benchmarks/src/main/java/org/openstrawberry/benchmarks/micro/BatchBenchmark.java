package org.openstrawberry.benchmarks.micro;

import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.transformer.TokenBatch;

/** From token ids to the arrays of a training batch. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class BatchBenchmark {
    private static final int VOCABULARY = 4096;

    /** Sequences, and tokens of the longest; half of each is prompt, which two share. */
    @Param({"64x48", "32x128", "256x1024"})
    public String size;

    private NDManager memory;
    private List<int[]> prompts;
    private List<int[]> completions;

    /** Sequences of unlike lengths. */
    @Setup(Level.Trial)
    public void setUp() {
        memory = Torch.start(1, "cpu");
        String[] parts = size.split("x");
        int half = Integer.parseInt(parts[1]) / 2;
        prompts = new ArrayList<>();
        completions = new ArrayList<>();
        for (int row = 0; row < Integer.parseInt(parts[0]); row++) {
            prompts.add(ids(half, row / 2));
            completions.add(ids(half - row % (half / 2), row + 1));
        }
    }

    private static int[] ids(int count, int from) {
        return IntStream.range(from, from + count).map(i -> i * 31 % VOCABULARY).toArray();
    }

    /** All sequences as one batch. */
    @Benchmark
    public int assemble() {
        try (NDManager step = memory.newSubManager()) {
            return TokenBatch.of(prompts, completions, VOCABULARY, step).size();
        }
    }

    /** Lets go of the engine's memory. */
    @TearDown(Level.Trial)
    public void tearDown() {
        memory.close();
    }
}
