package org.openstrawberry.model.training;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Parts a batch into micro-batches of items of like length. The plan is a function of the lengths alone, and the order of
 * the micro-batches is the order in which their gradients are added.
 */
public final class MicroBatches {
    private MicroBatches() {}

    /**
     * Longest first, items of equal length in their own order; a micro-batch is closed when one more item would make it
     * larger than the budget, padding counted. An item larger than the budget stands alone.
     *
     * @param lengths tokens a row of each item
     * @param rowsEach rows of an item
     * @param tokens budget, padding counted
     * @return indices of the items by micro-batch; each index stands exactly once
     */
    public static List<List<Integer>> plan(int[] lengths, int rowsEach, int tokens) {
        if (tokens < 1) {
            throw new IllegalArgumentException("micro-batch tokens must be at least 1, found " + tokens);
        }
        List<Integer> longestFirst = IntStream.range(0, lengths.length)
                .boxed()
                .sorted(Comparator.comparingInt(i -> -lengths[i]))
                .toList();
        List<List<Integer>> plan = new ArrayList<>();
        List<Integer> open = List.of();
        for (int item : longestFirst) {
            if (open.isEmpty() || (open.size() + 1L) * rowsEach * lengths[open.get(0)] > tokens) {
                open = new ArrayList<>();
                plan.add(open);
            }
            open.add(item);
        }
        return plan;
    }
}
