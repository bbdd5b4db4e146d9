package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import java.util.Optional;

/**
 * How a gradient becomes a step.
 *
 * @param kind the update rule
 * @param learningRate peak learning rate, above 0
 * @param betas decay rates of Adam's two running means; of no effect on sgd and rmsprop
 * @param epsilon added to the divisor of Adam and rmsprop; of no effect on sgd
 * @param momentum of sgd and rmsprop, at least 0 and below 1; must be 0 for the others
 * @param weightDecay decoupled for adamw, part of the gradient for the others
 * @param decay which tensors decay
 * @param clipNorm largest norm of the gradient; 0: not clipped
 * @param schedule course of the learning rate over {@code until.iterations}; all steps of an iteration have the same rate
 * @param microBatchTokens tokens, padding included, that one forward pass may hold
 * @param alpha decay rate of rmsprop's running mean; absent: 0.99
 * @param epochs how often an iteration's pairs are gone through, at least 1; absent in what was written before it existed
 * @param miniBatchPairs pairs a step; 0: all pairs of the iteration
 */
@JsonNaming(KebabCaseStrategy.class)
public record OptimizerSpec(
        Kind kind,
        double learningRate,
        List<Double> betas,
        double epsilon,
        double momentum,
        double weightDecay,
        Decay decay,
        double clipNorm,
        ScheduleSpec schedule,
        int microBatchTokens,
        Optional<Double> alpha,
        Optional<Integer> epochs,
        int miniBatchPairs) {

    /** The update rule. */
    public enum Kind {
        /** Stochastic gradient descent, with momentum when that is not 0. */
        @JsonProperty("sgd")
        SGD,
        /** Adam; weight decay is part of the gradient. */
        @JsonProperty("adam")
        ADAM,
        /** Adam with decoupled weight decay. */
        @JsonProperty("adamw")
        ADAMW,
        /** Gradient over the root of its running mean square, with momentum when that is not 0. */
        @JsonProperty("rmsprop")
        RMSPROP
    }

    /** Which tensors decay. */
    public enum Decay {
        /** Those of two or more dimensions: neither norms nor biases. */
        @JsonProperty("matrices")
        MATRICES,
        /** Every tensor. */
        @JsonProperty("all")
        ALL
    }

    /** Checks every range. */
    public OptimizerSpec {
        Check.positive("learning-rate", learningRate);
        betas = List.copyOf(betas);
        Check.betas(betas);
        Check.positive("epsilon", epsilon);
        Check.that(momentum >= 0 && momentum < 1, "momentum", "at least 0 and below 1", momentum);
        if (momentum != 0 && kind != Kind.SGD && kind != Kind.RMSPROP) {
            // A setting without effect would be believed to have one.
            throw new SettingException("momentum", "is for kind sgd or rmsprop only, found " + momentum, "kind");
        }
        alpha.ifPresent(rate -> {
            Check.that(rate >= 0 && rate < 1, "alpha", "at least 0 and below 1", rate);
            if (kind != Kind.RMSPROP) {
                throw new SettingException("alpha", "is for kind rmsprop only, found " + rate, "kind");
            }
        });
        Check.notNegative("weight-decay", weightDecay);
        Check.notNegative("clip-norm", clipNorm);
        Check.atLeast(1, "micro-batch-tokens", microBatchTokens);
        epochs = Optional.of(epochs.orElse(1));
        Check.that(epochs.get() >= 1 && epochs.get() <= 1000, "epochs", "from 1 to 1000", epochs.get());
        Check.atLeast(0, "mini-batch-pairs", miniBatchPairs);
    }
}
