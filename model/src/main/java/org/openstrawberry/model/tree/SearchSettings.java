package org.openstrawberry.model.tree;

import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * How a tree is searched.
 *
 * @param method which leaves are grown
 * @param rootWidth thoughts drawn where the root is grown
 * @param width thoughts drawn where any other leaf is grown (b)
 * @param depth steps that are parted; what follows them belongs to the thought but to no node
 * @param rollouts least thoughts that go on from a new node that has not ended
 * @param simulations most thoughts of a tree; empty: no limit but that of tokens
 * @param tokens written tokens of a tree, after which no leaf is grown; empty: as many as {@code flat} thoughts of the mean
 *     length of those that began at the root
 * @param flat thoughts that would be drawn without a tree
 * @param leaves leaves that are grown at a time; of a beam its width
 * @param exploration weight of what is unexplored against what is good (c of PUCT)
 * @param policyPrior whether a likelier step is explored sooner
 */
public record SearchSettings(
        Method method,
        int rootWidth,
        int width,
        int depth,
        int rollouts,
        OptionalInt simulations,
        OptionalLong tokens,
        int flat,
        int leaves,
        double exploration,
        boolean policyPrior) {

    /** Which leaves are grown. */
    public enum Method {
        /** The ones that PUCT finds, from the root each time. */
        PUCT,
        /** The best of a level, then the best of their children. */
        BEAM
    }

    public SearchSettings {
        check(rootWidth >= 2, "rootWidth must be ≥ 2", rootWidth);
        check(width >= 2, "width must be ≥ 2", width);
        check(depth >= 1, "depth must be ≥ 1", depth);
        check(rollouts >= 1, "rollouts must be ≥ 1", rollouts);
        check(flat >= 1, "flat must be ≥ 1", flat);
        check(leaves >= 1, "leaves must be ≥ 1", leaves);
        check(exploration >= 0 && Double.isFinite(exploration), "exploration must be ≥ 0", exploration);
    }

    private static void check(boolean holds, String rule, Number found) {
        if (!holds) {
            throw new IllegalArgumentException(rule + ", found " + found);
        }
    }
}
