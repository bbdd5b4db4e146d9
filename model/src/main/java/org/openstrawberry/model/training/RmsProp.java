package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import java.util.Map;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.NoGradient;
import org.openstrawberry.model.transformer.Tensors;

/** RMSprop, with momentum where wanted and not centred, in PyTorch's order of operations. */
final class RmsProp implements Optimizer {
    private OptimizerSettings settings;
    private final OptimizerState state;

    RmsProp(OptimizerSettings settings, NDManager parent) {
        this.settings = settings;
        this.state = new OptimizerState(parent);
    }

    @Override
    public void use(OptimizerSettings next) {
        if (next.kind() != OptimizerSettings.Kind.RMSPROP) {
            throw new IllegalArgumentException(
                    "kind: found " + next.kind() + ", but the memory is of " + settings.kind());
        }
        settings = next;
    }

    @Override
    public void step(Weights weights, Map<String, NDArray> gradients, double learningRate) {
        state.begin();
        try (NoGradient noGradient = NoGradient.open();
                NDManager numbers = weights.newSubManager()) {
            NDArray rate = Tensors.scalar(numbers, learningRate);
            NDArray decay = Tensors.scalar(numbers, settings.weightDecay());
            NDArray momentum = Tensors.scalar(numbers, settings.momentum());
            NDArray alpha = Tensors.scalar(numbers, settings.beta2());
            NDArray rest = Tensors.scalar(numbers, 1 - settings.beta2());
            NDArray epsilon = Tensors.scalar(numbers, settings.epsilon());
            weights.asMap().forEach((name, weight) -> {
                try (NDScope temporary = new NDScope()) {
                    temporary.suppressNotUsedWarning();
                    NDArray gradient = OptimizerState.gradient(gradients, name);
                    if (settings.decays(weight.getShape().dimension())) {
                        gradient = weight.mul(decay).addi(gradient);
                    }
                    NDArray meanSquare = state.of("square_avg", name, weight);
                    meanSquare.muli(alpha).addi(gradient.square().muli(rest));
                    NDArray direction = gradient.div(meanSquare.sqrt().addi(epsilon));
                    if (settings.momentum() > 0) {
                        direction = state.of("momentum_buffer", name, weight)
                                .muli(momentum)
                                .addi(direction);
                    }
                    weight.subi(direction.mul(rate));
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
