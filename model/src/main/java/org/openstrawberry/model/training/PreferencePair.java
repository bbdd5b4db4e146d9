package org.openstrawberry.model.training;

import java.util.Arrays;

/**
 * Two completions of a prompt, one preferred to the other.
 *
 * @param promptIds at least one token
 * @param chosenIds the preferred completion, at least one token
 * @param rejectedIds the other, at least one token
 * @param weight by which its loss counts, above 0
 */
public record PreferencePair(int[] promptIds, int[] chosenIds, int[] rejectedIds, double weight) {
    public PreferencePair {
        if (!(weight > 0 && Double.isFinite(weight))) {
            throw new IllegalArgumentException("weight must be > 0, found " + weight);
        }
        if (promptIds.length == 0 || chosenIds.length == 0 || rejectedIds.length == 0) {
            throw new IllegalArgumentException("prompt and completions must each have at least one token, found "
                    + promptIds.length + ", " + chosenIds.length + " and " + rejectedIds.length);
        }
    }

    /** A pair that counts as one. */
    public PreferencePair(int[] promptIds, int[] chosenIds, int[] rejectedIds) {
        this(promptIds, chosenIds, rejectedIds, 1);
    }

    Sequence chosen() {
        return new Sequence(promptIds, chosenIds);
    }

    Sequence rejected() {
        return new Sequence(promptIds, rejectedIds);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof PreferencePair that
                && Arrays.equals(promptIds, that.promptIds)
                && Arrays.equals(chosenIds, that.chosenIds)
                && Arrays.equals(rejectedIds, that.rejectedIds)
                && weight == that.weight;
    }

    @Override
    public int hashCode() {
        int ids = 31 * (31 * Arrays.hashCode(promptIds) + Arrays.hashCode(chosenIds)) + Arrays.hashCode(rejectedIds);
        return 31 * ids + Double.hashCode(weight);
    }

    @Override
    public String toString() {
        return "PreferencePair[promptIds=" + Arrays.toString(promptIds) + ", chosenIds=" + Arrays.toString(chosenIds)
                + ", rejectedIds=" + Arrays.toString(rejectedIds) + ", weight=" + weight + "]";
    }
}
