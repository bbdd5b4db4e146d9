package org.openstrawberry.model.training;

import java.util.Arrays;

/**
 * A prompt and what follows it. Only the completion's tokens are scored and trained on, its end-of-sequence token
 * included where it has one.
 *
 * @param promptIds at least one token
 * @param completionIds at least one token
 */
public record Sequence(int[] promptIds, int[] completionIds) {
    public Sequence {
        if (promptIds.length == 0 || completionIds.length == 0) {
            throw new IllegalArgumentException("prompt and completion must each have at least one token, found "
                    + promptIds.length + " and " + completionIds.length);
        }
    }

    /**
     * Tokens that go through the model: all but the last, after which nothing is predicted.
     *
     * @return at least 1
     */
    int inputLength() {
        return promptIds.length + completionIds.length - 1;
    }

    /**
     * @param t a place in prompt and completion together
     * @return the token there
     */
    int id(int t) {
        return t < promptIds.length ? promptIds[t] : completionIds[t - promptIds.length];
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Sequence that
                && Arrays.equals(promptIds, that.promptIds)
                && Arrays.equals(completionIds, that.completionIds);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(promptIds) + Arrays.hashCode(completionIds);
    }

    @Override
    public String toString() {
        return "Sequence[promptIds=" + Arrays.toString(promptIds) + ", completionIds=" + Arrays.toString(completionIds)
                + "]";
    }
}
