package org.openstrawberry.model.training;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * What a step of preference training found before it changed the weights.
 *
 * @param loss of the batch
 * @param gradNorm Euclidean norm of the gradient over all weights, before clipping
 * @param losses of each pair as a batch of its own, in the order given
 * @param tokens the log-probabilities of each pair, likewise
 * @param scored the same as the loss and the implicit rewards take them: with less weight on the tokens that only one
 *     completion of a pair is long enough to have, where the objective wants that
 */
public record DpoStep(
        double loss, double gradNorm, List<Double> losses, List<PairTokens> tokens, List<PairLogProbs> scored) {
    public DpoStep {
        losses = List.copyOf(losses);
        tokens = List.copyOf(tokens);
        scored = List.copyOf(scored);
        if (tokens.isEmpty()) {
            throw new IllegalArgumentException("a step has at least one pair");
        }
    }

    /** The sums over each pair's completions, in the order given. */
    public List<PairLogProbs> logProbs() {
        return tokens.stream().map(PairTokens::sums).toList();
    }

    /**
     * An estimate of the policy's entropy over whole completions.
     *
     * @return −mean of Σ log π over the pairs' completions, in nats
     */
    public double entropy() {
        return -mean(pair -> (pair.policyChosen() + pair.policyRejected()) / 2);
    }

    /**
     * An estimate of the divergence of the policy from the reference.
     *
     * @return mean of Σ (log π − log π_ref) over the pairs' completions, in nats
     */
    public double kl() {
        return mean(pair -> (pair.chosenReward(1) + pair.rejectedReward(1)) / 2);
    }

    /**
     * The mean of something over the pairs.
     *
     * @param quantity of a pair
     * @return its mean
     */
    public double mean(ToDoubleFunction<PairLogProbs> quantity) {
        return logProbs().stream().mapToDouble(quantity).average().orElseThrow();
    }

    /**
     * The mean of something of what the loss takes of the pairs.
     *
     * @param quantity of a pair
     * @return its mean
     */
    public double meanScored(ToDoubleFunction<PairLogProbs> quantity) {
        return scored.stream().mapToDouble(quantity).average().orElseThrow();
    }
}
