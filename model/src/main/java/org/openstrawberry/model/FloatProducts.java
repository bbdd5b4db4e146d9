package org.openstrawberry.model;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which library multiplies matrices of float32 on the CPU. On processors of AMD the one that PyTorch takes by itself, MKL,
 * runs at half the speed of the other, oneDNN. PyTorch takes that one where a user grants "medium" precision
 * ({@code torch.set_float32_matmul_precision}), which it then doesn't use where the processor has no matrix unit for
 * bfloat16: products stay float32. Whether they do is tried out before it is relied on.
 */
final class FloatProducts {
    private static final Logger log = LoggerFactory.getLogger(FloatProducts.class);

    /** Of c10's enumeration Float32MatmulPrecision. */
    private static final int HIGHEST = 0;

    private static final int MEDIUM = 2;

    private static final int SIZE = 576;
    /** Of sums of 576 products of numbers up to 1: float32 errs by 1e-4 at most, bfloat16 by 1e-2 and more. */
    private static final float ROUNDING = 1e-3f;

    private static final Path PROCESSOR = Path.of("/proc/cpuinfo");
    private static final Path MAPPED_FILES = Path.of("/proc/self/maps");

    private FloatProducts() {}

    /** Found out once. */
    private static final class Chosen {
        static final boolean ONE_DNN = fasterByOneDnn() && useOneDnn();
    }

    /** Chooses for this process, if that has not been done yet. The engine must be running. */
    static void choose() {
        if (Chosen.ONE_DNN) {
            log.debug("products of float32 are oneDNN's");
        }
    }

    private static boolean fasterByOneDnn() {
        try (Stream<String> lines = Files.lines(PROCESSOR)) {
            return lines.anyMatch(line -> line.startsWith("vendor_id") && line.endsWith("AuthenticAMD"));
        } catch (IOException e) {
            return false; // not Linux
        }
    }

    /**
     * Lets oneDNN compute the products, if they are float32's still.
     *
     * @return false where they are not, or PyTorch can't be asked: nothing has changed then
     */
    static boolean useOneDnn() {
        Optional<NativeLibrary> library = libtorch();
        if (library.isEmpty()) {
            return false;
        }
        try {
            grant(library.get(), MEDIUM);
            if (isFloat32()) {
                return true;
            }
            grant(library.get(), HIGHEST);
        } catch (UnsatisfiedLinkError e) {
            log.info("this PyTorch can't be told to multiply by oneDNN", e);
        }
        return false;
    }

    private static void grant(NativeLibrary library, int precision) {
        Pointer context = library.getFunction("_ZN2at13globalContextEv").invokePointer(new Object[] {});
        library.getFunction("_ZN2at7Context25setFloat32MatmulPrecisionENS_22Float32MatmulPrecisionE")
                .invokeVoid(new Object[] {context, precision});
    }

    /** The library that is loaded already. */
    private static Optional<NativeLibrary> libtorch() {
        try (Stream<String> lines = Files.lines(MAPPED_FILES)) {
            return lines.filter(line -> line.endsWith("/libtorch_cpu.so"))
                    .map(line -> line.substring(line.indexOf('/')))
                    .findFirst()
                    .map(NativeLibrary::getInstance);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** Whether a product is as exact as float32 allows, by the same one in double precision. */
    static boolean isFloat32() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            float[] left = numbers(1);
            float[] right = numbers(2);
            NDArray found = matrix(manager, left).matMul(matrix(manager, right));
            float[] products = found.toFloatArray();
            double largest = 0;
            for (int row = 0; row < SIZE; row += 37) {
                for (int column = 0; column < SIZE; column++) {
                    double sum = 0;
                    for (int i = 0; i < SIZE; i++) {
                        sum += (double) left[row * SIZE + i] * right[i * SIZE + column];
                    }
                    largest = Math.max(largest, Math.abs(sum - products[row * SIZE + column]));
                }
            }
            return largest < ROUNDING;
        }
    }

    private static NDArray matrix(NDManager manager, float[] numbers) {
        return manager.create(numbers, new Shape(SIZE, SIZE));
    }

    private static float[] numbers(int seed) {
        float[] numbers = new float[SIZE * SIZE];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) Math.sin(seed * 12.9898 + i);
        }
        return numbers;
    }
}
