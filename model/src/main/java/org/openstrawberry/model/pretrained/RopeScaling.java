package org.openstrawberry.model.pretrained;

import java.util.OptionalDouble;

/** How the frequencies of rotary positions were changed so that a model reads longer texts. */
public sealed interface RopeScaling {

    /** Not at all. */
    record None() implements RopeScaling {}

    /**
     * Positions divided by a factor ({@code rope_type: linear}; Chen et al. 2023, arXiv 2306.15595).
     *
     * @param factor how much longer the context became, above 0
     */
    record Linear(double factor) implements RopeScaling {
        public Linear {
            check(factor > 0, "factor must be above 0, found " + factor);
        }
    }

    /**
     * The rule that Llama 3.1 introduced ({@code rope_type: llama3}): frequencies whose wave is longer than
     * {@code originalMaxPositionEmbeddings / lowFreqFactor} are divided by {@code factor}, those whose wave is shorter than
     * {@code originalMaxPositionEmbeddings / highFreqFactor} stay, those between are blended linearly.
     *
     * @param factor how much longer the context became, at least 1
     * @param lowFreqFactor above 0
     * @param highFreqFactor above {@code lowFreqFactor}
     * @param originalMaxPositionEmbeddings context length before scaling, in tokens
     */
    record Llama3(double factor, double lowFreqFactor, double highFreqFactor, int originalMaxPositionEmbeddings)
            implements RopeScaling {
        public Llama3 {
            check(factor >= 1, "factor must be at least 1, found " + factor);
            check(lowFreqFactor > 0, "low_freq_factor must be above 0, found " + lowFreqFactor);
            check(
                    highFreqFactor > lowFreqFactor,
                    "high_freq_factor must be above low_freq_factor (" + lowFreqFactor + "), found " + highFreqFactor);
            checkOriginal(originalMaxPositionEmbeddings);
        }
    }

    /**
     * YaRN ({@code rope_type: yarn}; Peng et al. 2023, arXiv 2309.00071): dimensions that turn more than {@code betaFast}
     * times within the original context stay, those that turn less than {@code betaSlow} times are divided by
     * {@code factor}, those between are blended by a ramp over the dimensions; and cosine and sine are multiplied by
     * {@link #attentionFactor}.
     *
     * @param factor how much longer the context became, above 0
     * @param originalMaxPositionEmbeddings context length before scaling, in tokens
     * @param betaFast turns, above {@code betaSlow}
     * @param betaSlow turns, above 0
     * @param mscale share of ln(factor) in the numerator of the attention factor; counts only together with the next
     * @param mscaleAllDim share of ln(factor) in the denominator of the attention factor
     * @param givenAttentionFactor the attention factor, where it is not derived
     * @param truncate whether the ends of the ramp are whole dimensions
     */
    record Yarn(
            double factor,
            int originalMaxPositionEmbeddings,
            double betaFast,
            double betaSlow,
            OptionalDouble mscale,
            OptionalDouble mscaleAllDim,
            OptionalDouble givenAttentionFactor,
            boolean truncate)
            implements RopeScaling {
        public Yarn {
            check(factor > 0, "factor must be above 0, found " + factor);
            checkOriginal(originalMaxPositionEmbeddings);
            check(betaSlow > 0, "beta_slow must be above 0, found " + betaSlow);
            check(betaFast >= betaSlow, "beta_fast must not be below beta_slow (" + betaSlow + "), found " + betaFast);
        }

        /** What cosine and sine are multiplied by. */
        public double attentionFactor() {
            if (givenAttentionFactor.isPresent()) {
                return givenAttentionFactor.getAsDouble();
            }
            if (mscale.isPresent() && mscaleAllDim.isPresent()) {
                return magnitude(mscale.getAsDouble()) / magnitude(mscaleAllDim.getAsDouble());
            }
            return magnitude(1);
        }

        private double magnitude(double share) {
            return factor <= 1 ? 1 : 0.1 * share * Math.log(factor) + 1;
        }
    }

    private static void checkOriginal(int originalMaxPositionEmbeddings) {
        check(
                originalMaxPositionEmbeddings >= 1,
                "original_max_position_embeddings must be at least 1, found " + originalMaxPositionEmbeddings);
    }

    private static void check(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }
}
