package org.openstrawberry.model.generation;

import java.util.Arrays;

/**
 * What the model wrote after a prompt.
 *
 * @param ids its tokens; the last one is an end-of-sequence token if and only if it ended
 * @param ended whether the model ended it itself; otherwise it was cut at the longest allowed length
 */
public record Completion(int[] ids, boolean ended) {
    public Completion {
        if (ids.length == 0) {
            throw new IllegalArgumentException("a completion has at least one token");
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Completion that && ended == that.ended && Arrays.equals(ids, that.ids);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(ids) + Boolean.hashCode(ended);
    }

    @Override
    public String toString() {
        return "Completion[ids=" + Arrays.toString(ids) + ", ended=" + ended + "]";
    }
}
