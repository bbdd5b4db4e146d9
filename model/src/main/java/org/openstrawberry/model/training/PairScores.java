package org.openstrawberry.model.training;

/**
 * What the losses of a pair look at.
 *
 * @param chosen s_w, the score of the preferred completion; without another divergence the log-ratio Δ_w
 * @param rejected s_l, that of the other
 * @param margin δ = s_w − s_l
 * @param chosenTokens |y_w|, at least 1
 * @param rejectedTokens |y_l|, at least 1
 */
public record PairScores(double chosen, double rejected, double margin, int chosenTokens, int rejectedTokens) {
    /**
     * The scores of a pair.
     *
     * @param pair log-probability sums
     * @param divergence makes scores of log-ratios
     * @param chosenTokens |y_w|
     * @param rejectedTokens |y_l|
     * @return the scores
     */
    static PairScores of(PairLogProbs pair, Divergence divergence, int chosenTokens, int rejectedTokens) {
        double chosen = divergence.score(pair.chosenReward(1));
        double rejected = divergence.score(pair.rejectedReward(1));
        // Δ_π − Δ_ref and Δ_w − Δ_l are the same but for rounding; the first is the order of the published formula.
        double margin = divergence instanceof Divergence.ReverseKl ? pair.logRatioDifference() : chosen - rejected;
        return new PairScores(chosen, rejected, margin, chosenTokens, rejectedTokens);
    }

    /** @return s_w/|y_w| − s_l/|y_l| */
    double marginOfMeans() {
        return chosen / chosenTokens - rejected / rejectedTokens;
    }
}
