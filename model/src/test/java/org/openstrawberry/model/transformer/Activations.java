package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.function.UnaryOperator;
import org.openstrawberry.model.pretrained.Activation;

/** The non-linear functions, as operations that gradients flow through. */
final class Activations {
    private Activations() {}

    /**
     * @param manager owner of the constants: the function lives as long
     */
    static UnaryOperator<NDArray> of(Activation activation, NDManager manager) {
        return switch (activation) {
            case SILU -> x -> x.mul(ai.djl.nn.Activation.sigmoid(x));
            case GELU -> ai.djl.nn.Activation::gelu;
            case RELU -> ai.djl.nn.Activation::relu;
            case GELU_TANH -> geluTanh(manager);
        };
    }

    private static UnaryOperator<NDArray> geluTanh(NDManager manager) {
        NDArray half = Tensors.scalar(manager, 0.5);
        NDArray one = Tensors.scalar(manager, 1);
        NDArray cubic = Tensors.scalar(manager, 0.044715);
        NDArray inner = Tensors.scalar(manager, Math.sqrt(2 / Math.PI));
        return x -> {
            NDArray cube = x.square().mul(x);
            NDArray share = cube.mul(cubic).add(x).mul(inner).tanh().add(one); // in place would spoil the gradient
            return x.mul(half).mul(share);
        };
    }
}
