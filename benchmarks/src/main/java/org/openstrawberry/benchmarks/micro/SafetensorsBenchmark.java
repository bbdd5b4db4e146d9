package org.openstrawberry.benchmarks.micro;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
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
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.safetensors.SafetensorsWriter;

/** Reading and writing of 24 matrices, 100 MB in all. The file is in the system's cache. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class SafetensorsBenchmark {
    private static final int TENSORS = 24;
    private static final Shape SHAPE = new Shape(1024, 1024);

    private NDManager memory;
    private Map<String, NDArray> tensors;
    private Path file;

    /** Writes the file that is read. */
    @Setup(Level.Trial)
    public void setUp() throws IOException {
        memory = Torch.start(1, "cpu");
        tensors = new LinkedHashMap<>();
        for (int i = 0; i < TENSORS; i++) {
            tensors.put("layers." + i + ".weight", memory.randomNormal(0, 1, SHAPE, DataType.FLOAT32));
        }
        file = Files.createTempFile(Path.of(""), "tensors", ".safetensors").toAbsolutePath();
        SafetensorsWriter.write(file, tensors);
    }

    /** The whole file into the engine's memory. */
    @Benchmark
    public long read() {
        try (Weights weights = Weights.load(file, memory)) {
            return weights.parameters();
        }
    }

    /** The whole file from the engine's memory. */
    @Benchmark
    public void write() {
        SafetensorsWriter.write(file, tensors);
    }

    /** Removes the file. */
    @TearDown(Level.Trial)
    public void tearDown() throws IOException {
        memory.close();
        Files.delete(file);
    }
}
