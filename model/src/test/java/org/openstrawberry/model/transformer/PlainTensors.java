package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.core.Embedding;

/** Operations that gradients flow through and that the NDArray interface hides. */
final class PlainTensors {
    private PlainTensors() {}

    /**
     * A product with a weight matrix.
     *
     * @param x float32 [..., in]
     * @param weight float32 [out, in]
     * @return x · weightᵀ, float32 [..., out], owned by the manager of x
     */
    static NDArray linear(NDArray x, NDArray weight) {
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
    static NDArray linear(NDArray x, NDArray weight, NDArray bias) {
        return ai.djl.nn.core.Linear.linear(x, weight, bias).singletonOrThrow();
    }

    /**
     * Rows of a table; repeated rows add up in the table's gradient, always in the same order.
     *
     * @param indices int64 [...]
     * @param table float32 [rows, width]
     * @return float32 [..., width], owned by the manager of the indices
     */
    static NDArray rows(NDArray indices, NDArray table) {
        return Embedding.embedding(indices, table, SparseFormat.DENSE).singletonOrThrow();
    }
}
