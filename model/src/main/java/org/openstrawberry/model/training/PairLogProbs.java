package org.openstrawberry.model.training;

/**
 * Log-probabilities of a pair's completions, summed over their tokens, at temperature 1.
 *
 * @param policyChosen log π(chosen)
 * @param policyRejected log π(rejected)
 * @param referenceChosen log π_ref(chosen)
 * @param referenceRejected log π_ref(rejected)
 */
public record PairLogProbs(
        double policyChosen, double policyRejected, double referenceChosen, double referenceRejected) {
    /**
     * The implicit reward of the preferred completion.
     *
     * @param beta of the loss
     * @return β · (log π − log π_ref)
     */
    public double chosenReward(double beta) {
        return beta * (policyChosen - referenceChosen);
    }

    /**
     * The implicit reward of the other completion.
     *
     * @param beta of the loss
     * @return β · (log π − log π_ref)
     */
    public double rejectedReward(double beta) {
        return beta * (policyRejected - referenceRejected);
    }

    /**
     * How much more the policy prefers the chosen completion than the reference does.
     *
     * @return Δπ_θ − Δπ_ref, where Δ = log(chosen) − log(rejected)
     */
    public double logRatioDifference() {
        return policyRatio() - referenceRatio();
    }

    /** @return Δπ_θ = log π(chosen) − log π(rejected) */
    double policyRatio() {
        return policyChosen - policyRejected;
    }

    /** @return Δπ_ref */
    double referenceRatio() {
        return referenceChosen - referenceRejected;
    }
}
