package org.openstrawberry.activities.ranking;

/** How many of a prompt's branches must have a reward for the prompt to be used. */
public final class Quorum {
    private Quorum() {}

    /**
     * Whether enough branches are scored; a prompt needs two in any case, for a pair.
     *
     * @param share of the branches, above 0 and at most 1
     */
    public static boolean reached(int scored, int branches, double share) {
        return scored >= 2 && scored >= share * branches;
    }
}
