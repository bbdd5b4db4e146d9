package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.core.Embedding;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;

/**
 * The few tensor operations that the rest of the model needs and that the NDArray interface hides or makes unsafe.
 *
 * <p>Arrays made of Java buffers borrow Java's memory: it is not aligned as libtorch's own (which can change the last bits
 * of a product), and the graph of a gradient does not keep it alive. All that enters a computation is therefore copied
 * into libtorch's memory, and calls such as {@code x.mul(2)}, which borrow a buffer for their number, are not used where
 * gradients flow.
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

    /**
     * A product with a weight matrix.
     *
     * @param x float32 [..., in]
     * @param weight float32 [out, in]
     * @return x · weightᵀ, float32 [..., out], owned by the manager of x
     */
    public static NDArray linear(NDArray x, NDArray weight) {
        return ai.djl.nn.core.Linear.linear(x, weight).singletonOrThrow();
    }

    /**
     * A product with a weight matrix, and a bias.
     *
     * @param x float32 [..., in]
     * @param weight float32 [out, in]
     * @param bias float32 [out]
     * @return x · weightᵀ + bias, float32 [..., out], owned by the manager of x
     */
    public static NDArray linear(NDArray x, NDArray weight, NDArray bias) {
        return ai.djl.nn.core.Linear.linear(x, weight, bias).singletonOrThrow();
    }

    /**
     * Rows of a table; repeated rows add up in the table's gradient, always in the same order.
     *
     * @param indices int64 [...]
     * @param table float32 [rows, width]
     * @return float32 [..., width], owned by the manager of the indices
     */
    public static NDArray rows(NDArray indices, NDArray table) {
        return Embedding.embedding(indices, table, SparseFormat.DENSE).singletonOrThrow();
    }
}
