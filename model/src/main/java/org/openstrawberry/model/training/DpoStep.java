package org.openstrawberry.model.training;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * What a step of preference training found before it changed the weights.
 *
 * @param loss mean over the pairs
 * @param gradNorm Euclidean norm of the gradient over all weights, before clipping
 * @param logProbs of each pair, in the order given
 */
public record DpoStep(double loss, double gradNorm, List<PairLogProbs> logProbs) {
    public DpoStep {
        logProbs = List.copyOf(logProbs);
        if (logProbs.isEmpty()) {
            throw new IllegalArgumentException("a step has at least one pair");
        }
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
        return logProbs.stream().mapToDouble(quantity).average().orElseThrow();
    }
}
