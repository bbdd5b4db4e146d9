package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import org.openstrawberry.model.transformer.Tensors;

/** Adam (arXiv 1412.6980, algorithm 1) and AdamW (arXiv 1711.05101, algorithm 2), in PyTorch's order of operations. */
final class Adam extends RememberingOptimizer {
    Adam(OptimizerSettings settings, NDManager parent) {
        super(settings, parent);
    }

    @Override
    boolean remembersAs(OptimizerSettings.Kind kind) {
        return kind == OptimizerSettings.Kind.ADAM || kind == OptimizerSettings.Kind.ADAMW;
    }

    @Override
    Update update(long step, double learningRate, NDManager numbers) {
        OptimizerSettings settings = settings();
        boolean decoupled = settings.kind() == OptimizerSettings.Kind.ADAMW;
        double firstBias = 1 - Math.pow(settings.beta1(), step);
        double secondBias = 1 - Math.pow(settings.beta2(), step);
        NDArray beta1 = Tensors.scalar(numbers, settings.beta1());
        NDArray beta2 = Tensors.scalar(numbers, settings.beta2());
        NDArray rest1 = Tensors.scalar(numbers, 1 - settings.beta1());
        NDArray rest2 = Tensors.scalar(numbers, 1 - settings.beta2());
        NDArray rootOfSecondBias = Tensors.scalar(numbers, Math.sqrt(secondBias));
        NDArray epsilon = Tensors.scalar(numbers, settings.epsilon());
        NDArray size = Tensors.scalar(numbers, learningRate / firstBias);
        NDArray decay = Tensors.scalar(numbers, settings.weightDecay());
        NDArray shrink = Tensors.scalar(numbers, 1 - learningRate * settings.weightDecay());
        return (name, weight, raw) -> {
            NDArray gradient = decoupled ? raw : decayed(raw, weight, decay);
            if (decoupled && settings.decays(weight.getShape().dimension())) {
                weight.muli(shrink);
            }
            NDArray mean = remembered("exp_avg", name, weight);
            NDArray meanSquare = remembered("exp_avg_sq", name, weight);
            mean.muli(beta1).addi(gradient.mul(rest1));
            meanSquare.muli(beta2).addi(gradient.square().muli(rest2));
            NDArray spread = meanSquare.sqrt().divi(rootOfSecondBias).addi(epsilon);
            weight.subi(mean.div(spread).muli(size));
        };
    }
}
