package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import java.util.Map;
import org.openstrawberry.model.pretrained.Weights;

/** What the optimisers share that are written on arrays: settings, a memory by weight, and a step that goes from weight to weight. */
abstract sealed class RememberingOptimizer implements Optimizer permits RmsProp, Sgd {
    private final OptimizerState state;
    private OptimizerSettings settings;

    RememberingOptimizer(OptimizerSettings settings, NDManager parent) {
        this.settings = settings;
        this.state = new OptimizerState(parent);
    }

    /** The update of one weight; what it makes in between is freed after it. */
    interface Update {
        void apply(String name, NDArray weight, NDArray gradient);
    }

    /**
     * The updates of a step.
     *
     * @param step its number, from 1
     * @param learningRate of this step
     * @param numbers owner of the numbers that the updates need
     */
    abstract Update update(long step, double learningRate, NDManager numbers);

    /** Whether an optimiser of that kind remembers the same as this. */
    abstract boolean remembersAs(OptimizerSettings.Kind kind);

    OptimizerSettings settings() {
        return settings;
    }

    /** What is remembered of a weight, zero at first. */
    NDArray remembered(String what, String name, NDArray weight) {
        return state.of(what, name, weight);
    }

    /** The gradient with the decay of its weight, where that weight decays. */
    NDArray decayed(NDArray gradient, NDArray weight, NDArray decay) {
        return settings.decays(weight.getShape().dimension())
                ? weight.mul(decay).addi(gradient)
                : gradient;
    }

    /** The direction that a weight has been going in, with this one added; this one alone without momentum. */
    NDArray withMomentum(NDArray direction, String name, NDArray weight, NDArray momentum) {
        return settings.momentum() > 0
                ? remembered("momentum_buffer", name, weight).muli(momentum).addi(direction)
                : direction;
    }

    @Override
    public final void use(OptimizerSettings next) {
        if (!remembersAs(next.kind())) {
            throw new IllegalArgumentException(
                    "kind: found " + next.kind() + ", but the memory is of " + settings.kind());
        }
        settings = next;
    }

    @Override
    public final void step(Weights weights, Map<String, NDArray> gradients, double learningRate, double scale) {
        long step = state.begin();
        try (NDManager numbers = weights.newSubManager()) {
            if (scale != 1) {
                gradients.values().forEach(gradient -> gradient.muli((float) scale));
            }
            Update update = update(step, learningRate, numbers);
            weights.asMap().forEach((name, weight) -> {
                try (NDScope temporary = new NDScope()) {
                    temporary.suppressNotUsedWarning();
                    update.apply(name, weight, OptimizerState.gradient(gradients, name));
                }
            });
        }
    }

    @Override
    public final long steps() {
        return state.steps();
    }

    @Override
    public final Map<String, NDArray> state() {
        return state.arrays();
    }

    @Override
    public final void restore(Map<String, NDArray> saved, long steps) {
        state.restore(saved, steps);
    }

    @Override
    public final void close() {
        state.close();
    }
}
