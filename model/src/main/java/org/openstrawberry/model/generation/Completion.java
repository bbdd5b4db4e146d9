package org.openstrawberry.model.generation;

import java.util.Arrays;

/**
 * What the model wrote after a prompt.
 *
 * @param ids its tokens; the last one is an end-of-sequence token if and only if it ended
 * @param logProbs of each token under the model that wrote it, at temperature 1 and before any filter
 * @param ended whether the model ended it itself; otherwise it was cut at the longest allowed length
 */
public record Completion(int[] ids, float[] logProbs, boolean ended) {
    public Completion {
        if (ids.length == 0) {
            throw new IllegalArgumentException("a completion has at least one token");
        }
        if (logProbs.length != ids.length) {
            throw new IllegalArgumentException(
                    "each token has a log-probability, found " + logProbs.length + " of " + ids.length);
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Completion that
                && ended == that.ended
                && Arrays.equals(ids, that.ids)
                && Arrays.equals(logProbs, that.logProbs);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * Arrays.hashCode(ids) + Arrays.hashCode(logProbs)) + Boolean.hashCode(ended);
    }

    @Override
    public String toString() {
        return "Completion[ids=" + Arrays.toString(ids) + ", logProbs=" + Arrays.toString(logProbs) + ", ended=" + ended
                + "]";
    }
}
