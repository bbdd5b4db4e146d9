package org.openstrawberry.model.tree;

import java.util.Arrays;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Where a step of thought ends: behind the first token that completes a delimiter, that is one of some tokens, or that is as
 * far as a step may go; else where the thought ends.
 *
 * @param delimiter whether tokens, from a step's beginning, hold the delimiter; of longer ones with the same beginning true
 *     as well
 * @param endings tokens that end a step
 * @param longest most tokens of a step
 */
public record StepBoundary(Predicate<int[]> delimiter, Set<Integer> endings, OptionalInt longest) {
    public StepBoundary {
        endings = Set.copyOf(endings);
        if (longest.isPresent() && longest.getAsInt() < 1) {
            throw new IllegalArgumentException("a step has at least one token, found " + longest.getAsInt());
        }
    }

    /** Steps of a number of tokens. */
    public static StepBoundary every(int tokens) {
        return new StepBoundary(ids -> false, Set.of(), OptionalInt.of(tokens));
    }

    /**
     * The length of the first step.
     *
     * @param ids of a thought, from the step's beginning; at least one
     * @return from 1 to the thought's length
     */
    public int end(int[] ids) {
        int end = Math.min(ids.length, longest.orElse(ids.length));
        for (int t = 0; t < end; t++) {
            if (endings.contains(ids[t])) {
                end = t + 1;
            }
        }
        int without = 0; // the longest beginning known to be without a delimiter
        if (!delimiter.test(Arrays.copyOf(ids, end))) {
            return end;
        }
        while (end - without > 1) {
            int middle = (without + end) / 2;
            if (delimiter.test(Arrays.copyOf(ids, middle))) {
                end = middle;
            } else {
                without = middle;
            }
        }
        return end;
    }
}
