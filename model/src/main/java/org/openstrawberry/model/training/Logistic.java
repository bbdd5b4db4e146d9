package org.openstrawberry.model.training;

/** The logistic function σ(x) = 1/(1 + e⁻ˣ) and its logarithm, finite and exact in both tails. */
public final class Logistic {
    private Logistic() {}

    /** @return σ(x) */
    public static double sigmoid(double x) {
        double small = Math.exp(-Math.abs(x));
        return (x >= 0 ? 1 : small) / (1 + small);
    }

    /** @return log σ(x) */
    public static double logSigmoid(double x) {
        return -(Math.max(-x, 0) + Math.log1p(Math.exp(-Math.abs(x))));
    }

    /** @return σ(x)·σ(−x), the derivative of σ */
    public static double slope(double x) {
        return sigmoid(x) * sigmoid(-x);
    }
}
