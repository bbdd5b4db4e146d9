package org.openstrawberry.benchmarks.micro;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.concurrent.TimeUnit;
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
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.kernels.Kernels;

/** From the scores of a step to its tokens. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class SamplingBenchmark {
    /** Rows and vocabulary of the peers' models. */
    @Param({"64x64", "32x4096", "16x49152"})
    public String size;

    /** Which filter is on. */
    @Param({"none", "top-k", "top-p"})
    public String filter;

    private NDManager memory;
    private NDArray logits;
    private NDArray uniforms;
    private NDArray nothing;
    private double[] choice;

    /** Scores of a standard normal distribution, times two. */
    @Setup(Level.Trial)
    public void setUp() {
        memory = Torch.start(1, "cpu");
        String[] parts = size.split("x");
        int rows = Integer.parseInt(parts[0]);
        logits = memory.randomNormal(0, 2, new Shape(rows, Integer.parseInt(parts[1])), DataType.FLOAT32);
        float[] numbers = new float[rows];
        for (int row = 0; row < rows; row++) {
            numbers[row] = Philox.uniform(1, 2, row, 3, 4);
        }
        uniforms = memory.create(numbers);
        nothing = memory.create(new Shape(0));
        choice = new double[] {1, filter.equals("top-k") ? 50 : 0, filter.equals("top-p") ? 0.9 : 1, 0};
    }

    /** One token a row. */
    @Benchmark
    public long[] sample() {
        try (NDManager step = memory.newSubManager()) {
            return Kernels.call("choose")
                    .with(logits)
                    .with(uniforms)
                    .with(nothing)
                    .with(choice)
                    .tensors(step)
                    .get(0)
                    .toLongArray();
        }
    }

    /** Lets go of the scores. */
    @TearDown(Level.Trial)
    public void tearDown() {
        memory.close();
    }
}
