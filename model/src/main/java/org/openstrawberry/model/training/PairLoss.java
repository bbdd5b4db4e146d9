package org.openstrawberry.model.training;

/**
 * The loss of one pair and how it changes with its two scores.
 *
 * @param value the loss
 * @param chosenSlope its derivative by the score of the preferred completion
 * @param rejectedSlope its derivative by the score of the other
 */
public record PairLoss(double value, double chosenSlope, double rejectedSlope) {
    /** @return a function of the margin δ, of which value and derivative are given */
    static PairLoss ofMargin(double value, double slope) {
        return new PairLoss(value, slope, -slope);
    }

    /** @return a function of s_w/|y_w| − s_l/|y_l|, of which value and derivative are given */
    static PairLoss ofMeans(PairScores pair, double value, double slope) {
        return new PairLoss(value, slope / pair.chosenTokens(), -slope / pair.rejectedTokens());
    }
}
