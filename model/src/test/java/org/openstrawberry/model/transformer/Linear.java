package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import java.util.Optional;

/**
 * A linear layer.
 *
 * @param weight float32 [out, in]
 * @param bias float32 [out]
 */
record Linear(NDArray weight, Optional<NDArray> bias) {
    /**
     * @param x float32 [..., in]
     * @return float32 [..., out]
     */
    NDArray apply(NDArray x) {
        return bias.map(b -> PlainTensors.linear(x, weight, b)).orElseGet(() -> PlainTensors.linear(x, weight));
    }
}
