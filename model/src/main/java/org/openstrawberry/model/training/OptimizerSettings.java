package org.openstrawberry.model.training;

/**
 * Which optimiser, and how.
 *
 * @param kind of optimiser
 * @param beta1 share of the old mean in the new mean of gradients (Adam, AdamW)
 * @param beta2 share of the old mean in the new mean of squared gradients (Adam, AdamW; RMSprop, where
 *     PyTorch calls it alpha)
 * @param epsilon added to the root of that mean (Adam, AdamW, RMSprop)
 * @param momentum share of the old direction in the new one (SGD, RMSprop); 0 is none
 * @param weightDecay pull towards zero: for AdamW apart from the gradient, else as part of it; 0 is none
 * @param decay which tensors it pulls
 */
public record OptimizerSettings(
        Kind kind, double beta1, double beta2, double epsilon, double momentum, double weightDecay, Decay decay) {
    /** Kinds of optimiser. */
    public enum Kind {
        /** Stochastic gradient descent. */
        SGD,
        /** Kingma and Ba 2015, arXiv 1412.6980. */
        ADAM,
        /** Adam with decoupled weight decay: Loshchilov and Hutter 2019, arXiv 1711.05101. */
        ADAMW,
        /** Gradient over the root of its running mean square: Hinton 2012, "Neural networks for machine learning", 6e. */
        RMSPROP
    }

    /** Which tensors weight decay pulls towards zero. */
    public enum Decay {
        /** Those of two and more dimensions: not the gains of norms, and no biases. */
        MATRICES,
        /** Every tensor. */
        ALL
    }

    public OptimizerSettings {
        check(beta1 >= 0 && beta1 < 1, "beta1 must be ≥ 0 and < 1", beta1);
        check(beta2 >= 0 && beta2 < 1, "beta2 must be ≥ 0 and < 1", beta2);
        check(epsilon > 0, "epsilon must be > 0", epsilon);
        check(momentum >= 0 && momentum < 1, "momentum must be ≥ 0 and < 1", momentum);
        check(weightDecay >= 0, "weightDecay must be ≥ 0", weightDecay);
    }

    /**
     * AdamW with PyTorch's constants.
     *
     * @param weightDecay pull towards zero
     * @param decay which tensors it pulls
     * @return settings
     */
    public static OptimizerSettings adamW(double weightDecay, Decay decay) {
        return new OptimizerSettings(Kind.ADAMW, 0.9, 0.999, 1e-8, 0, weightDecay, decay);
    }

    /**
     * Gradient descent without weight decay.
     *
     * @param momentum share of the old direction in the new one
     * @return settings
     */
    public static OptimizerSettings sgd(double momentum) {
        return new OptimizerSettings(Kind.SGD, 0.9, 0.999, 1e-8, momentum, 0, Decay.MATRICES);
    }

    /**
     * RMSprop without weight decay.
     *
     * @param alpha share of the old mean in the new mean of squared gradients
     * @param momentum share of the old direction in the new one
     * @return settings
     */
    public static OptimizerSettings rmsProp(double alpha, double momentum) {
        return new OptimizerSettings(Kind.RMSPROP, 0.9, alpha, 1e-8, momentum, 0, Decay.MATRICES);
    }

    /**
     * Whether weight decay pulls a tensor.
     *
     * @param dimensions of the tensor
     * @return true where it does
     */
    boolean decays(int dimensions) {
        return weightDecay > 0 && (decay == Decay.ALL || dimensions >= 2);
    }

    private static void check(boolean holds, String rule, double found) {
        if (!holds) {
            throw new IllegalArgumentException(rule + ", found " + found);
        }
    }
}
