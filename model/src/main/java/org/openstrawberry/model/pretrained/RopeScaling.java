package org.openstrawberry.model.pretrained;

/**
 * The frequency scaling of rotary positions that Llama 3.1 introduced ({@code rope_type: llama3}): frequencies whose wave
 * is longer than {@code originalMaxPositionEmbeddings / lowFreqFactor} are divided by {@code factor}, those whose wave is
 * shorter than {@code originalMaxPositionEmbeddings / highFreqFactor} stay, those between are blended linearly.
 *
 * @param factor how much longer the context became, at least 1
 * @param lowFreqFactor above 0
 * @param highFreqFactor above {@code lowFreqFactor}
 * @param originalMaxPositionEmbeddings context length before scaling, in tokens
 */
public record RopeScaling(
        double factor, double lowFreqFactor, double highFreqFactor, int originalMaxPositionEmbeddings) {
    public RopeScaling {
        check(factor >= 1, "factor must be at least 1, found " + factor);
        check(lowFreqFactor > 0, "low_freq_factor must be above 0, found " + lowFreqFactor);
        check(
                highFreqFactor > lowFreqFactor,
                "high_freq_factor must be above low_freq_factor (" + lowFreqFactor + "), found " + highFreqFactor);
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
