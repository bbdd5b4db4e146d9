package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.openstrawberry.model.kernels.Kernels;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Tensors;

/** Adam (arXiv 1412.6980, algorithm 1) and AdamW (arXiv 1711.05101, algorithm 2), by PyTorch's fused step. */
final class Adam implements Optimizer {
    private final OptimizerState state;
    private OptimizerSettings settings;

    Adam(OptimizerSettings settings, NDManager parent) {
        this.settings = settings;
        state = new OptimizerState(parent);
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
    public void step(Weights weights, Map<String, NDArray> gradients, double learningRate, double scale) {
        long step = state.begin();
        Tensorwise decaying = new Tensorwise();
        Tensorwise others = new Tensorwise();
        weights.asMap().forEach((name, weight) -> {
            Tensorwise these = settings.decays(weight.getShape().dimension()) ? decaying : others;
            these.weights.add(weight);
            these.gradients.add(OptimizerState.gradient(gradients, name));
            these.means.add(state.of("exp_avg", name, weight));
            these.squares.add(state.of("exp_avg_sq", name, weight));
        });
        try (NDManager numbers = weights.newSubManager()) {
            NDArray steps = Tensors.scalar(numbers, step);
            NDArray inverseScale = Tensors.scalar(numbers, 1 / scale);
            decaying.step(learningRate, settings.weightDecay(), steps, inverseScale);
            others.step(learningRate, 0, steps, inverseScale);
        }
    }

    /** Tensors that are treated alike. */
    private final class Tensorwise {
        private final List<NDArray> weights = new ArrayList<>();
        private final List<NDArray> gradients = new ArrayList<>();
        private final List<NDArray> means = new ArrayList<>();
        private final List<NDArray> squares = new ArrayList<>();

        void step(double learningRate, double decay, NDArray steps, NDArray inverseScale) {
            if (weights.isEmpty()) {
                return;
            }
            Kernels.call("adam")
                    .with(weights)
                    .with(gradients)
                    .with(means)
                    .with(squares)
                    .with(steps)
                    .with(settings.kind() == OptimizerSettings.Kind.ADAMW)
                    .with(new double[] {learningRate, settings.beta1(), settings.beta2(), settings.epsilon(), decay})
                    .with(inverseScale)
                    .run();
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
