package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;

/**
 * Arrays of numbers that come from Java.
 *
 * <p>Arrays made of Java buffers borrow Java's memory, which is not aligned as libtorch's own: that can change the last bits
 * of a product. All that enters a computation is therefore copied into libtorch's memory.
 */
public final class Tensors {
    private Tensors() {}

    /**
     * Copies numbers into native memory.
     *
     * @param manager owner of the result
     * @param data as many numbers as the shape holds
     * @param shape of the result
     * @return float32
     */
    public static NDArray floats(NDManager manager, float[] data, Shape shape) {
        try (NDArray borrowed = manager.create(FloatBuffer.wrap(data), shape, DataType.FLOAT32)) {
            return borrowed.duplicate();
        }
    }

    /**
     * Copies whole numbers into native memory.
     *
     * @param manager owner of the result
     * @param data as many numbers as the shape holds
     * @param shape of the result
     * @return int64
     */
    public static NDArray longs(NDManager manager, long[] data, Shape shape) {
        try (NDArray borrowed = manager.create(LongBuffer.wrap(data), shape, DataType.INT64)) {
            return borrowed.duplicate();
        }
    }

    /**
     * A number for arithmetic with arrays.
     *
     * @param manager owner of the result
     * @param value the number, rounded to float32
     * @return float32, of no dimensions
     */
    public static NDArray scalar(NDManager manager, double value) {
        return manager.full(new Shape(), (float) value);
    }
}
