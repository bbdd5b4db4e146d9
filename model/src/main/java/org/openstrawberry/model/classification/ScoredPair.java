package org.openstrawberry.model.classification;

/**
 * Two texts of which one is preferred.
 *
 * @param chosen ids of the preferred text, as {@link ScoredText} makes them; at least one
 * @param rejected ids of the other
 * @param margin by how much the score of the first is to be above the other's; 0 for most data
 */
public record ScoredPair(int[] chosen, int[] rejected, double margin) {
    /** Checks that the margin is a number. */
    public ScoredPair {
        if (!Double.isFinite(margin)) {
            throw new IllegalArgumentException("a margin must be a number, found " + margin);
        }
    }
}
