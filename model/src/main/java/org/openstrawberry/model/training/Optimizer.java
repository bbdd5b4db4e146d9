package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.Map;
import org.openstrawberry.model.pretrained.Weights;

/**
 * Turns gradients into changes of the weights. Its memory of earlier steps can be saved and restored to the last bit.
 */
public sealed interface Optimizer extends AutoCloseable permits Adam, RememberingOptimizer {
    /**
     * A fresh optimiser.
     *
     * @param settings which, and how
     * @param parent manager under which its state's memory stands
     * @return to be closed by the caller, or with the parent
     */
    static Optimizer of(OptimizerSettings settings, NDManager parent) {
        return switch (settings.kind()) {
            case SGD -> new Sgd(settings, parent);
            case ADAM, ADAMW -> new Adam(settings, parent);
            case RMSPROP -> new RmsProp(settings, parent);
        };
    }

    /**
     * Goes by other settings from the next update on, with the memory that it has.
     *
     * @throws IllegalArgumentException if they are of another kind, whose memory is another
     */
    void use(OptimizerSettings settings);

    /**
     * One update.
     *
     * @param weights changed in place
     * @param gradients by the weights' names, of their shapes; used up
     * @param learningRate of this step
     * @param scale what the gradients are multiplied by first
     */
    void step(Weights weights, Map<String, NDArray> gradients, double learningRate, double scale);

    /**
     * Updates so far.
     *
     * @return 0 for a fresh optimiser
     */
    long steps();

    /**
     * Its memory of earlier steps, to be saved together with {@link #steps}.
     *
     * @return float32 arrays by name, in a fixed order; they stay the optimiser's own and change with the next step
     */
    Map<String, NDArray> state();

    /**
     * Goes on where another one stopped.
     *
     * @param state what {@link #state} gave; copied
     * @param steps what {@link #steps} gave
     */
    void restore(Map<String, NDArray> state, long steps);

    @Override
    void close();
}
