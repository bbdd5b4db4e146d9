package org.openstrawberry.worker;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Weights;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** How far two models are from each other, tensor by tensor. */
@Command(
        name = "diff",
        mixinStandardHelpOptions = true,
        description = "Compare the tensors of two models; exit code 1 if they differ.")
final class ModelDiffCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "A", description = "A model directory, or a safetensors file.")
    private @Nullable Path first;

    @Parameters(index = "1", paramLabel = "B", description = "Another.")
    private @Nullable Path second;

    @Option(
            names = "--tolerance",
            paramLabel = "T",
            description = "Largest difference of two numbers that counts as none. Default: ${DEFAULT-VALUE}")
    private double tolerance;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Override
    public Integer call() throws JsonProcessingException {
        if (first == null || second == null) {
            throw new IllegalStateException("the command line lets no required parameter pass");
        }
        if (!(tolerance >= 0)) {
            throw new InvalidInputException("--tolerance: found " + tolerance + ", expected at least 0");
        }
        try (NDManager memory = Torch.start(1, "cpu")) {
            Map<String, String> differences = new LinkedHashMap<>();
            double largest = 0;
            Weights a = load(first, memory);
            Weights b = load(second, memory);
            Set<String> names = new TreeSet<>(a.names());
            names.addAll(b.names());
            for (String name : names) {
                if (!a.contains(name) || !b.contains(name)) {
                    differences.put(name, "only in " + (a.contains(name) ? first : second));
                } else if (!a.get(name).getShape().equals(b.get(name).getShape())) {
                    differences.put(
                            name,
                            "shapes " + a.get(name).getShape() + " and "
                                    + b.get(name).getShape());
                } else {
                    double difference = difference(a.get(name), b.get(name));
                    largest = Double.isNaN(difference) ? difference : Math.max(largest, difference);
                    if (!(difference <= tolerance)) {
                        differences.put(name, "largest difference " + difference);
                    }
                }
            }
            print(names.size(), differences, largest);
            return differences.isEmpty() ? 0 : Main.FAILED;
        }
    }

    private static Weights load(Path path, NDManager memory) {
        return Files.isRegularFile(path)
                ? Weights.load(path, memory)
                : ModelDirectory.openEither(path).load(memory);
    }

    private static double difference(NDArray a, NDArray b) {
        if (a.size() == 0) {
            return 0;
        }
        if (a.contentEquals(b)) {
            return 0;
        }
        try (NDArray difference = a.sub(b);
                NDArray size = difference.abs();
                NDArray greatest = size.max()) {
            return greatest.toType(ai.djl.ndarray.types.DataType.FLOAT64, false).getDouble();
        }
    }

    private void print(int tensors, Map<String, String> differences, double largest) throws JsonProcessingException {
        if (json) {
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("tensors", tensors);
            result.put("different", differences.size());
            result.put("largest_difference", largest);
            result.put("differences", differences);
            System.out.println(new ObjectMapper().writeValueAsString(result));
            return;
        }
        differences.forEach((name, what) -> System.out.println(name + ": " + what));
        System.out.println(tensors + " tensors, " + differences.size() + " different, largest difference " + largest);
    }
}
