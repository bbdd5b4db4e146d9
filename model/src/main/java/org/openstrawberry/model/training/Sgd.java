package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import org.openstrawberry.model.transformer.Tensors;

/** Stochastic gradient descent, with momentum where wanted, in PyTorch's order of operations. */
final class Sgd extends RememberingOptimizer {
    Sgd(OptimizerSettings settings, NDManager parent) {
        super(settings, parent);
    }

    @Override
    boolean remembersAs(OptimizerSettings.Kind kind) {
        return kind == OptimizerSettings.Kind.SGD;
    }

    @Override
    Update update(long step, double learningRate, NDManager numbers) {
        NDArray rate = Tensors.scalar(numbers, learningRate);
        NDArray decay = Tensors.scalar(numbers, settings().weightDecay());
        NDArray momentum = Tensors.scalar(numbers, settings().momentum());
        return (name, weight, gradient) -> {
            NDArray direction = withMomentum(decayed(gradient, weight, decay), name, weight, momentum);
            weight.subi(direction.mul(rate));
        };
    }
}
