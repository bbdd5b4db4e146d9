package org.openstrawberry.activities.policy;

import java.util.stream.IntStream;
import org.openstrawberry.model.training.PairTokens;

/**
 * A pair's log-probabilities token by token, at temperature 1, as they were before the step, to four decimals: what people
 * look at, at less than half the space of what was computed with.
 *
 * @param policyChosen log π of each token of the preferred completion
 * @param policyRejected log π of each token of the other
 * @param referenceChosen log π_ref of each token of the preferred completion
 * @param referenceRejected log π_ref of each token of the other
 */
public record TokenLogProbs(
        double[] policyChosen, double[] policyRejected, double[] referenceChosen, double[] referenceRejected) {
    private static final double STEPS_A_UNIT = 1e4;

    static TokenLogProbs of(PairTokens pair) {
        return new TokenLogProbs(
                rounded(pair.policyChosen()),
                rounded(pair.policyRejected()),
                rounded(pair.referenceChosen()),
                rounded(pair.referenceRejected()));
    }

    private static double[] rounded(float[] values) {
        return IntStream.range(0, values.length)
                .mapToDouble(i -> Math.round(values[i] * STEPS_A_UNIT) / STEPS_A_UNIT)
                .toArray();
    }
}
