package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import java.util.Optional;

/**
 * The training of a reward model from pairs of completions of which one is preferred.
 *
 * @param pairs absolute path of a JSON-lines file of {@code {"prompt": …, "chosen": …, "rejected": …}}
 * @param base absolute path of a Hugging Face directory: a language model, or a sequence classifier with one label
 * @param out absolute path of the directory that comes out
 * @param seed of the fresh head and of the order of the pairs
 * @param heldOut absolute path of a file as {@code pairs}, never trained on
 * @param heldOutFraction share of the pairs that is held out in its place; absent: 0.1, or 0 beside {@code heldOut}
 * @param epochs times that the pairs are gone through; absent: 1, unless {@code steps} says how long
 * @param steps optimiser steps, in the place of {@code epochs}
 * @param batch pairs a step
 * @param maxTokens pairs with a longer text are left out; absent: such a pair is an error
 * @param learningRate peak learning rate
 * @param betas decay rates of Adam's two running means; of no effect on sgd and rmsprop
 * @param weightDecay decoupled for adamw, part of the gradient for the others
 * @param clipNorm largest norm of the gradient; 0: not clipped
 * @param schedule course of the learning rate over all steps
 * @param microBatchTokens tokens, padding included, that one forward pass may hold
 * @param evaluateEvery steps after which the held-out pairs are judged
 * @param checkpointEvery steps after which the state is stored durably
 * @param device {@code cpu}, {@code cuda} or {@code cuda:N}
 * @param threads threads of one tensor operation; part of the settings because sums depend on it
 * @param optimizer the update rule; absent, as those that follow, in what was written before it existed: adamw
 * @param epsilon added to the divisor of Adam and rmsprop; absent: 1e-8
 * @param momentum of sgd and rmsprop; absent: 0
 * @param decay which tensors decay; absent: matrices
 * @param alpha decay rate of rmsprop's running mean; absent: 0.99
 * @param lora adapters to train in the place of the decoder's weights; the head is trained whole beside them
 */
@JsonNaming(KebabCaseStrategy.class)
public record RewardTrainingSpec(
        @JsonPropertyDescription("the path of a JSON-lines file")
        String pairs,

        @JsonPropertyDescription("the path of a Hugging Face model directory")
        String base,

        @JsonPropertyDescription("the path of a directory") String out,

        long seed,

        @JsonPropertyDescription("the path of a JSON-lines file")
        Optional<String> heldOut,

        Optional<Double> heldOutFraction,
        Optional<Integer> epochs,
        Optional<Integer> steps,
        int batch,
        Optional<Integer> maxTokens,
        double learningRate,
        List<Double> betas,
        double weightDecay,
        double clipNorm,
        ScheduleSpec schedule,
        int microBatchTokens,
        int evaluateEvery,
        int checkpointEvery,
        String device,
        int threads,
        Optional<OptimizerSpec.Kind> optimizer,
        Optional<Double> epsilon,
        Optional<Double> momentum,
        Optional<OptimizerSpec.Decay> decay,
        Optional<Double> alpha,
        Optional<LoraSpec> lora) {

    private static final double HELD_OUT = 0.1;
    private static final double EPSILON = 1e-8;

    /** Checks every range, and that no setting is without effect. */
    public RewardTrainingSpec {
        Check.notBlank("pairs", pairs);
        Check.notBlank("base", base);
        Check.notBlank("out", out);
        heldOut.ifPresent(file -> Check.notBlank("held-out", file));
        heldOutFraction.ifPresent(
                share -> Check.that(share >= 0 && share < 1, "held-out-fraction", "at least 0 and below 1", share));
        if (heldOut.isPresent() && heldOutFraction.orElse(0.0) > 0) {
            throw new SettingException(
                    "held-out-fraction", "can't be set beside held-out, found " + heldOutFraction.get(), "held-out");
        }
        epochs.ifPresent(count -> Check.atLeast(1, "epochs", count));
        steps.ifPresent(count -> Check.atLeast(1, "steps", count));
        if (epochs.isPresent() && steps.isPresent()) {
            throw new SettingException("epochs", "can't be set beside steps, found " + epochs.get(), "steps");
        }
        Check.atLeast(1, "batch", batch);
        maxTokens.ifPresent(count -> Check.atLeast(1, "max-tokens", count));
        betas = List.copyOf(betas);
        optimizer = Optional.of(optimizer.orElse(OptimizerSpec.Kind.ADAMW));
        epsilon = Optional.of(epsilon.orElse(EPSILON));
        momentum = Optional.of(momentum.orElse(0.0));
        decay = Optional.of(decay.orElse(OptimizerSpec.Decay.MATRICES));
        // Its constructor checks every range, and that none of the settings is without effect.
        optimizerSpec(
                optimizer.get(),
                learningRate,
                betas,
                epsilon.get(),
                momentum.get(),
                weightDecay,
                decay.get(),
                clipNorm,
                schedule,
                microBatchTokens,
                alpha);
        Check.atLeast(1, "evaluate-every", evaluateEvery);
        Check.atLeast(1, "checkpoint-every", checkpointEvery);
        ModelSpec.checkDevice(device);
        Check.atLeast(1, "threads", threads);
        if (lora.flatMap(LoraSpec::from).isPresent()) {
            throw new SettingException(
                    "lora.from", "is for the policy of a run; a reward model's adapters begin fresh");
        }
    }

    private static OptimizerSpec optimizerSpec(
            OptimizerSpec.Kind kind,
            double learningRate,
            List<Double> betas,
            double epsilon,
            double momentum,
            double weightDecay,
            OptimizerSpec.Decay decay,
            double clipNorm,
            ScheduleSpec schedule,
            int microBatchTokens,
            Optional<Double> alpha) {
        return new OptimizerSpec(
                kind,
                learningRate,
                betas,
                epsilon,
                momentum,
                weightDecay,
                decay,
                clipNorm,
                schedule,
                microBatchTokens,
                alpha,
                Optional.of(1),
                0);
    }

    /** How a gradient becomes a step, in the terms of a run: one epoch, all pairs of a batch. */
    public OptimizerSpec step() {
        return optimizerSpec(
                optimizer.orElseThrow(),
                learningRate,
                betas,
                epsilon.orElseThrow(),
                momentum.orElseThrow(),
                weightDecay,
                decay.orElseThrow(),
                clipNorm,
                schedule,
                microBatchTokens,
                alpha);
    }

    /** The share of the pairs that is held out. */
    public double heldOutShare() {
        return heldOutFraction.orElse(heldOut.isPresent() ? 0.0 : HELD_OUT);
    }

    /**
     * Optimiser steps in all. The last batch of the last epoch is filled up with pairs of the next.
     *
     * @param pairs to train on
     */
    public int stepsOver(int pairs) {
        long all = (long) epochs.orElse(1) * pairs;
        return steps.orElseGet(() -> Math.toIntExact((all + batch - 1) / batch));
    }
}
