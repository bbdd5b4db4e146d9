package org.openstrawberry.model.pretrained;

/**
 * The norms of a model.
 *
 * @param kind what they compute
 * @param epsilon added to the mean square or the variance
 * @param afterToo whether attention and feed-forward part have a norm behind them as well as before
 * @param queryAndKey whether each head's query and key have a norm
 */
public record Norms(Kind kind, double epsilon, boolean afterToo, boolean queryAndKey) {
    /** What a norm computes. */
    public enum Kind {
        /** x / √(mean(x²) + ε) ∘ g (Zhang and Sennrich 2019, arXiv 1910.07467). */
        RMS,
        /** The same with 1 + g in place of g. */
        RMS_PLUS_ONE,
        /** (x − mean(x)) / √(var(x) + ε) ∘ g + b (Ba et al. 2016, arXiv 1607.06450). */
        LAYER
    }

    public Norms {
        if (!(epsilon > 0)) {
            throw new IllegalArgumentException((kind == Kind.LAYER ? "layer_norm_epsilon" : "rms_norm_eps")
                    + " must be above 0, found " + epsilon);
        }
        if (kind == Kind.LAYER && (afterToo || queryAndKey)) {
            throw new IllegalArgumentException("layer norms stand before attention and feed-forward part only");
        }
    }
}
