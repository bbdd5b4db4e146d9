package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import java.util.Map;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.NoGradient;
import org.openstrawberry.model.transformer.Tensors;

/** Adam (arXiv 1412.6980, algorithm 1) and AdamW (arXiv 1711.05101, algorithm 2), in PyTorch's order of operations. */
final class Adam implements Optimizer {
    private OptimizerSettings settings;
    private final OptimizerState state;

    Adam(OptimizerSettings settings, NDManager parent) {
        this.settings = settings;
        this.state = new OptimizerState(parent);
    }

    @Override
    public void use(OptimizerSettings next) {
        if (next.kind() != OptimizerSettings.Kind.ADAM && next.kind() != OptimizerSettings.Kind.ADAMW) {
            throw new IllegalArgumentException(
                    "kind: found " + next.kind() + ", but the memory is of " + settings.kind());
        }
        settings = next;
    }

    @Override
    public void step(Weights weights, Map<String, NDArray> gradients, double learningRate) {
        long t = state.begin();
        boolean decoupled = settings.kind() == OptimizerSettings.Kind.ADAMW;
        double firstBias = 1 - Math.pow(settings.beta1(), t);
        double secondBias = 1 - Math.pow(settings.beta2(), t);
        try (NoGradient noGradient = NoGradient.open();
                NDManager numbers = weights.newSubManager()) {
            NDArray beta1 = Tensors.scalar(numbers, settings.beta1());
            NDArray beta2 = Tensors.scalar(numbers, settings.beta2());
            NDArray rest1 = Tensors.scalar(numbers, 1 - settings.beta1());
            NDArray rest2 = Tensors.scalar(numbers, 1 - settings.beta2());
            NDArray rootOfSecondBias = Tensors.scalar(numbers, Math.sqrt(secondBias));
            NDArray epsilon = Tensors.scalar(numbers, settings.epsilon());
            NDArray size = Tensors.scalar(numbers, learningRate / firstBias);
            NDArray decay = Tensors.scalar(numbers, settings.weightDecay());
            NDArray shrink = Tensors.scalar(numbers, 1 - learningRate * settings.weightDecay());
            weights.asMap().forEach((name, weight) -> {
                try (NDScope temporary = new NDScope()) {
                    temporary.suppressNotUsedWarning();
                    NDArray gradient = OptimizerState.gradient(gradients, name);
                    if (settings.decays(weight.getShape().dimension())) {
                        if (decoupled) {
                            weight.muli(shrink);
                        } else {
                            gradient = weight.mul(decay).addi(gradient);
                        }
                    }
                    NDArray mean = state.of("exp_avg", name, weight);
                    NDArray meanSquare = state.of("exp_avg_sq", name, weight);
                    mean.muli(beta1).addi(gradient.mul(rest1));
                    meanSquare.muli(beta2).addi(gradient.square().muli(rest2));
                    NDArray spread = meanSquare.sqrt().divi(rootOfSecondBias).addi(epsilon);
                    weight.subi(mean.div(spread).muli(size));
                }
            });
        }
    }

    @Override
    public long steps() {
        return state.steps();
    }

    @Override
    public Map<String, NDArray> state() {
        return state.arrays();
    }

    @Override
    public void restore(Map<String, NDArray> saved, long steps) {
        state.restore(saved, steps);
    }

    @Override
    public void close() {
        state.close();
    }
}
