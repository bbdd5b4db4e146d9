package org.openstrawberry.model.training;

/**
 * The loss of one pair and how it changes with the policy's log-probabilities.
 *
 * @param value the loss
 * @param chosenSlope its derivative by log π(chosen)
 * @param rejectedSlope its derivative by log π(rejected)
 */
public record PairLoss(double value, double chosenSlope, double rejectedSlope) {
    /**
     * The loss of Direct Preference Optimisation (Rafailov et al. 2023, arXiv 2305.18290, equation 7):
     * −log σ(β · [Δπ_θ − Δπ_ref]), finite for every finite argument.
     *
     * @param pair log-probability sums
     * @param beta above 0
     * @return loss and slopes
     */
    public static PairLoss sigmoid(PairLogProbs pair, double beta) {
        double x = beta * pair.logRatioDifference();
        double small = Math.exp(-Math.abs(x));
        double value = Math.max(-x, 0) + Math.log1p(small); // −log σ(x)
        double opposite = (x >= 0 ? small : 1) / (1 + small); // σ(−x)
        return new PairLoss(value, -beta * opposite, beta * opposite);
    }
}
