package org.openstrawberry.model.transformer;

/** What products are computed in. Weights that are trained, residual streams, norms and gradients are float32 always. */
public enum Precision {
    /** All of it. */
    FLOAT32,
    /** Eight bits of exponent, seven of fraction; sums inside a product are float32. */
    BFLOAT16
}
