package org.openstrawberry.model.generation;

/**
 * How tokens are chosen. The filters work in the order of the components, each on what the one before it left, as Hugging
 * Face's logits warpers do; a token whose score equals a threshold stays.
 *
 * @param temperature divides the scores; 0 always takes the token with the highest score (the first of equals), and the
 *     filters do not matter
 * @param topK keeps the tokens whose score is at least the k-th highest; 0 is off
 * @param topP keeps the fewest tokens, from the likeliest down, that have this probability together; 1 is off
 * @param minP keeps the tokens that have at least this share of the likeliest one's probability; 0 is off
 * @param minNewTokens so many tokens come before an end-of-sequence token is chosen at the earliest
 * @param maxNewTokens longest completion, its end-of-sequence token included
 */
public record SamplingSettings(
        double temperature, int topK, double topP, double minP, int minNewTokens, int maxNewTokens) {
    public SamplingSettings {
        check(temperature >= 0 && temperature < Double.POSITIVE_INFINITY, "temperature must be ≥ 0", temperature);
        check(topK >= 0, "topK must be ≥ 0", topK);
        check(topP > 0 && topP <= 1, "topP must be > 0 and ≤ 1", topP);
        check(minP >= 0 && minP <= 1, "minP must be ≥ 0 and ≤ 1", minP);
        check(maxNewTokens >= 1, "maxNewTokens must be ≥ 1", maxNewTokens);
        check(
                minNewTokens >= 0 && minNewTokens <= maxNewTokens,
                "minNewTokens must be from 0 to maxNewTokens",
                minNewTokens);
    }

    /** Settings under which the first token may be the last. */
    public SamplingSettings(double temperature, int topK, double topP, double minP, int maxNewTokens) {
        this(temperature, topK, topP, minP, 0, maxNewTokens);
    }

    /**
     * The likeliest token each time.
     *
     * @param maxNewTokens longest completion
     * @return settings without chance
     */
    public static SamplingSettings greedy(int maxNewTokens) {
        return new SamplingSettings(0, 0, 1, 0, maxNewTokens);
    }

    /** The same at another temperature. */
    public SamplingSettings withTemperature(double other) {
        return new SamplingSettings(other, topK, topP, minP, minNewTokens, maxNewTokens);
    }

    private static void check(boolean holds, String rule, Number found) {
        if (!holds) {
            throw new IllegalArgumentException(rule + ", found " + found);
        }
    }
}
