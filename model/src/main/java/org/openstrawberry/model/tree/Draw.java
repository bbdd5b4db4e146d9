package org.openstrawberry.model.tree;

import org.openstrawberry.model.Philox;

/**
 * The key of a thought's random numbers, a pure function of the run's seed and of the thought's place in its tree. What is
 * drawn at a node does not depend on when the search came there, nor on what it did elsewhere.
 */
public final class Draw {
    private static final int STEP = 0;
    private static final int ROLLOUT = 1;

    private Draw() {}

    /** Of all trees of a run. */
    public static long root(long seed) {
        return Philox.seed(seed, "tree");
    }

    /**
     * Of a thought that goes on from a node and whose first step becomes the node's child.
     *
     * @param node key of the node
     * @param index of the thought among those drawn there, from 0
     */
    public static long step(long node, int index) {
        return key(node, STEP, index);
    }

    /**
     * Of a thought that goes on from a node and makes none.
     *
     * @param node key of the node
     * @param index of the thought among those, from 0
     */
    public static long rollout(long node, int index) {
        return key(node, ROLLOUT, index);
    }

    private static long key(long node, int kind, int index) {
        int[] words = Philox.block(node, kind, index, 0, 0);
        return (words[0] & 0xFFFFFFFFL) | ((long) words[1] << 32);
    }
}
