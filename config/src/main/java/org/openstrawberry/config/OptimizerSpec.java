package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;

/**
 * How a gradient becomes a step.
 *
 * @param kind the update rule
 * @param learningRate peak learning rate, above 0
 * @param betas decay rates of Adam's two running means; of no effect on sgd
 * @param epsilon added to Adam's divisor; of no effect on sgd
 * @param momentum of sgd, at least 0 and below 1; must be 0 for the others
 * @param weightDecay decoupled for adamw, part of the gradient for adam and sgd
 * @param decay which tensors decay
 * @param clipNorm largest norm of the gradient; 0: not clipped
 * @param schedule course of the learning rate over {@code until.iterations}
 * @param microBatchTokens tokens, padding included, that one forward pass may hold
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
        int microBatchTokens) {

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
        ADAMW
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
        if (momentum != 0 && kind != Kind.SGD) {
            // A setting without effect would be believed to have one.
            throw new SettingException("momentum", "is for kind sgd only, found " + momentum, "kind");
        }
        Check.notNegative("weight-decay", weightDecay);
        Check.notNegative("clip-norm", clipNorm);
        Check.atLeast(1, "micro-batch-tokens", microBatchTokens);
    }
}
