package org.openstrawberry.model.training;

import java.util.Arrays;

/**
 * A pair's log-probabilities token by token, over its completions only.
 *
 * @param policyChosen log π of each token of the preferred completion
 * @param policyRejected log π of each token of the other
 * @param referenceChosen log π_ref of each token of the preferred completion
 * @param referenceRejected log π_ref of each token of the other
 * @param weight by which the pair's losses count
 */
public record PairTokens(
        float[] policyChosen,
        float[] policyRejected,
        float[] referenceChosen,
        float[] referenceRejected,
        double weight) {
    /** @return Σ log π over each completion */
    PairLogProbs sums() {
        return new PairLogProbs(
                LogProbs.sum(policyChosen),
                LogProbs.sum(policyRejected),
                LogProbs.sum(referenceChosen),
                LogProbs.sum(referenceRejected));
    }

    /** @return tokens of the shorter completion */
    int sharedTokens() {
        return Math.min(policyChosen.length, policyRejected.length);
    }

    /**
     * @param tailWeight weight of the tokens of the longer completion beyond the shorter one's length
     * @return weighted sums over each completion
     */
    PairLogProbs sums(double tailWeight) {
        return new PairLogProbs(
                sum(policyChosen, tailWeight),
                sum(policyRejected, tailWeight),
                sum(referenceChosen, tailWeight),
                sum(referenceRejected, tailWeight));
    }

    private double sum(float[] values, double tailWeight) {
        double sum = 0;
        for (int t = 0; t < values.length; t++) {
            sum += t < sharedTokens() ? values[t] : tailWeight * values[t];
        }
        return sum;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof PairTokens that
                && Arrays.equals(policyChosen, that.policyChosen)
                && Arrays.equals(policyRejected, that.policyRejected)
                && Arrays.equals(referenceChosen, that.referenceChosen)
                && Arrays.equals(referenceRejected, that.referenceRejected)
                && weight == that.weight;
    }

    @Override
    public int hashCode() {
        return 31 * (31 * Arrays.hashCode(policyChosen) + Arrays.hashCode(policyRejected)) + Double.hashCode(weight);
    }

    @Override
    public String toString() {
        return "PairTokens[" + sums() + ", weight=" + weight + "]";
    }
}
