package org.openstrawberry.model.generation;

import java.util.Arrays;

/**
 * A prompt to be completed several times.
 *
 * @param prompt its number in the iteration's batch, a coordinate of the random numbers: a prompt's completions do not
 *     depend on which wave or shard it falls into, up to the rounding of sums
 * @param promptIds its tokens, at least one
 * @param branches how many completions
 */
public record GenerationRequest(int prompt, int[] promptIds, int branches) {
    public GenerationRequest {
        if (prompt < 0) {
            throw new IllegalArgumentException("prompt must be ≥ 0, found " + prompt);
        }
        if (promptIds.length == 0) {
            throw new IllegalArgumentException("prompt " + prompt + " has no tokens; expected at least one");
        }
        if (branches < 1) {
            throw new IllegalArgumentException("branches must be ≥ 1, found " + branches);
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof GenerationRequest that
                && prompt == that.prompt
                && branches == that.branches
                && Arrays.equals(promptIds, that.promptIds);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * prompt + branches) + Arrays.hashCode(promptIds);
    }

    @Override
    public String toString() {
        return "GenerationRequest[prompt=" + prompt + ", promptIds=" + Arrays.toString(promptIds) + ", branches="
                + branches + "]";
    }
}
