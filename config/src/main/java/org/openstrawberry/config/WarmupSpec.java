package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;

/**
 * A supervised stage before the first iteration, by AdamW: cross-entropy of the completions given their prompts.
 *
 * @param data absolute path of a JSON-lines file of {@code {"prompt": …, "completion": …}}
 * @param steps optimiser steps
 * @param batch lines a step
 * @param learningRate peak learning rate
 * @param betas AdamW's two decay rates
 * @param weightDecay AdamW's decoupled decay
 * @param clipNorm largest norm of the gradient; 0: not clipped
 * @param schedule course of the learning rate over {@code steps}
 * @param microBatchTokens tokens, padding included, that one forward pass may hold
 * @param checkpointEvery steps after which the state is stored durably
 */
@JsonNaming(KebabCaseStrategy.class)
public record WarmupSpec(
        @JsonPropertyDescription("the path of a JSON-lines file")
        String data,

        int steps,
        int batch,
        double learningRate,
        List<Double> betas,
        double weightDecay,
        double clipNorm,
        ScheduleSpec schedule,
        int microBatchTokens,
        int checkpointEvery) {

    /** Checks every range. */
    public WarmupSpec {
        Check.notBlank("data", data);
        Check.atLeast(1, "steps", steps);
        Check.atLeast(1, "batch", batch);
        Check.positive("learning-rate", learningRate);
        betas = List.copyOf(betas);
        Check.betas(betas);
        Check.notNegative("weight-decay", weightDecay);
        Check.notNegative("clip-norm", clipNorm);
        Check.atLeast(1, "micro-batch-tokens", microBatchTokens);
        Check.atLeast(1, "checkpoint-every", checkpointEvery);
    }
}
