package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.Optional;
import java.util.OptionalDouble;

/** Bounds scores by c · tanh(score / c) (Gemma 2, arXiv 2408.00118, section 2); without a bound, leaves them. */
record SoftCap(Optional<NDArray> cap) {
    static SoftCap of(OptionalDouble cap, NDManager manager) {
        return new SoftCap(
                cap.isPresent() ? Optional.of(Tensors.scalar(manager, cap.getAsDouble())) : Optional.empty());
    }

    NDArray apply(NDArray scores) {
        return cap.map(c -> scores.div(c).tanh().mul(c)).orElse(scores);
    }
}
