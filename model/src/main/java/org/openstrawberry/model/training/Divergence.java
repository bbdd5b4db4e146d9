package org.openstrawberry.model.training;

/**
 * What a log-ratio Δ = log π − log π_ref counts as: the score s = f′(e^Δ) of a divergence with generator f (Wang et al.
 * 2024, "Beyond reverse KL", arXiv 2309.16240). Losses that compare the scores of a pair's two sides then bound that
 * divergence of the policy from the reference.
 */
public sealed interface Divergence {
    /**
     * The score of a log-ratio.
     *
     * @param ratio Δ, in nats
     * @return s
     */
    double score(double ratio);

    /**
     * How the score changes.
     *
     * @param ratio Δ, in nats
     * @return ds/dΔ
     */
    double slope(double ratio);

    /** s = Δ: the divergence of direct preference optimisation as first published. */
    record ReverseKl() implements Divergence {
        @Override
        public double score(double ratio) {
            return ratio;
        }

        @Override
        public double slope(double ratio) {
            return 1;
        }
    }

    /** s = 1 − e^(−Δ). */
    record ForwardKl() implements Divergence {
        @Override
        public double score(double ratio) {
            return 1 - Math.exp(-ratio);
        }

        @Override
        public double slope(double ratio) {
            return Math.exp(-ratio);
        }
    }

    /** s = log 2 + log σ(Δ). */
    record JensenShannon() implements Divergence {
        @Override
        public double score(double ratio) {
            return Math.log(2) + Logistic.logSigmoid(ratio);
        }

        @Override
        public double slope(double ratio) {
            return Logistic.sigmoid(-ratio);
        }
    }

    /**
     * s = (e^min((α−1)Δ, 80) − 1)/(α − 1); towards α = 1 it becomes s = Δ, which is taken where |α − 1| is below 10⁻⁶.
     *
     * @param alpha α, finite
     */
    record Alpha(double alpha) implements Divergence {
        /** Where TRL clamps, so that the exponential stays finite in float32. */
        private static final double LARGEST = 80;

        private static final double NEARLY_ONE = 1e-6;

        public Alpha {
            if (!Double.isFinite(alpha)) {
                throw new IllegalArgumentException("alpha must be finite, found " + alpha);
            }
        }

        @Override
        public double score(double ratio) {
            if (isReverseKl()) {
                return ratio;
            }
            return (Math.exp(Math.min((alpha - 1) * ratio, LARGEST)) - 1) / (alpha - 1);
        }

        @Override
        public double slope(double ratio) {
            if (isReverseKl()) {
                return 1;
            }
            double exponent = (alpha - 1) * ratio;
            return exponent > LARGEST ? 0 : Math.exp(exponent);
        }

        private boolean isReverseKl() {
            return Math.abs(alpha - 1) < NEARLY_ONE;
        }
    }
}
