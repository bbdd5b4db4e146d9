package org.openstrawberry.model.tree;

import org.openstrawberry.model.Philox;

/**
 * The key of a thought's random numbers, a pure function of the run's seed and of the thought's place in its tree. What is
 * drawn at a node does not depend on when the search came there, nor on what it did elsewhere.
 */
public final class Draw {
    private static final int THOUGHT = 0;
    private static final int ROLLOUT = 1;
    private static final int TOKEN = 2;

    private Draw() {}

    /** Of all trees of a run. */
    public static long root(long seed) {
        return Philox.seed(seed, "tree");
    }

    /**
     * Of the node behind a step: of the tokens that lead to it, and of nothing else.
     *
     * @param node key of the node before the step
     */
    static long behind(long node, int[] step) {
        long key = node;
        for (int token : step) {
            key = key(key, TOKEN, token);
        }
        return key;
    }

    /**
     * Of a thought that is drawn where a node grows.
     *
     * @param node key of the node
     * @param index of the thought among those drawn there, from 0
     */
    public static long thought(long node, int index) {
        return key(node, THOUGHT, index);
    }

    /**
     * Of a thought that is drawn at a new node, so that it has enough.
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
