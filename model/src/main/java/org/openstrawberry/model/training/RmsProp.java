package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import org.openstrawberry.model.transformer.Tensors;

/** RMSprop, with momentum where wanted and not centred, in PyTorch's order of operations. */
final class RmsProp extends RememberingOptimizer {
    RmsProp(OptimizerSettings settings, NDManager parent) {
        super(settings, parent);
    }

    @Override
    boolean remembersAs(OptimizerSettings.Kind kind) {
        return kind == OptimizerSettings.Kind.RMSPROP;
    }

    @Override
    Update update(long step, double learningRate, NDManager numbers) {
        NDArray rate = Tensors.scalar(numbers, learningRate);
        NDArray decay = Tensors.scalar(numbers, settings().weightDecay());
        NDArray momentum = Tensors.scalar(numbers, settings().momentum());
        NDArray alpha = Tensors.scalar(numbers, settings().beta2());
        NDArray rest = Tensors.scalar(numbers, 1 - settings().beta2());
        NDArray epsilon = Tensors.scalar(numbers, settings().epsilon());
        return (name, weight, raw) -> {
            NDArray gradient = decayed(raw, weight, decay);
            NDArray meanSquare = remembered("square_avg", name, weight);
            meanSquare.muli(alpha).addi(gradient.square().muli(rest));
            NDArray direction = gradient.div(meanSquare.sqrt().addi(epsilon));
            weight.subi(withMomentum(direction, name, weight, momentum).mul(rate));
        };
    }
}
