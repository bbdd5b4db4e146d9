package org.openstrawberry.model.training;

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

/** From token ids to the arrays of a training batch. Here, since batches are the package's own. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class BatchBenchmark {
    private static final int VOCABULARY = 4096;

    /** Sequences, and tokens of the longest; half of each is prompt. */
    @Param({"64x48", "32x128", "256x1024"})
    public String size;

    private NDManager memory;
    private List<Sequence> sequences;

    /** Sequences of unlike lengths. */
    @Setup(Level.Trial)
    public void setUp() {
        memory = Torch.start(1, "cpu");
        String[] parts = size.split("x");
        int half = Integer.parseInt(parts[1]) / 2;
        sequences = new ArrayList<>();
        for (int row = 0; row < Integer.parseInt(parts[0]); row++) {
            sequences.add(new Sequence(ids(half, row), ids(half - row % (half / 2), row + 1)));
        }
    }

    private static int[] ids(int count, int from) {
        return IntStream.range(from, from + count).map(i -> i * 31 % VOCABULARY).toArray();
    }

    /** All sequences as one batch. */
    @Benchmark
    public int assemble() {
        try (NDManager step = memory.newSubManager()) {
            return new CompletionBatch(sequences, step, VOCABULARY).tokens();
        }
    }

    /** Lets go of the engine's memory. */
    @TearDown(Level.Trial)
    public void tearDown() {
        memory.close();
    }
}
