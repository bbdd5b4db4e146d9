package org.openstrawberry.model.pretrained;

/**
 * Rotary positions (Su et al. 2021, arXiv 2104.09864) of a layer.
 *
 * @param dims leading dimensions of each head that are turned, even; the rest stays
 * @param theta base of the frequencies, above 0
 * @param scaling of the frequencies
 */
public record Rope(int dims, double theta, RopeScaling scaling) {
    public Rope {
        if (dims < 2 || dims % 2 != 0) {
            throw new IllegalArgumentException(
                    "the turned dimensions of a head (head_dim × partial_rotary_factor) must be even, found " + dims);
        }
        if (!(theta > 0)) {
            throw new IllegalArgumentException("rope_theta must be above 0, found " + theta);
        }
    }
}
