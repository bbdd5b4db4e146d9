package org.openstrawberry.model.classification;

import java.util.Arrays;
import java.util.OptionalInt;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;

/**
 * What a reward model reads of a prompt and its completion: the prompt's tokens with those that the tokenizer adds, the
 * completion's without, and the main end-of-sequence token where the completion ended by itself. Training and scoring both
 * take it from here, so that a model is asked about what it has learnt.
 */
public final class ScoredText {
    private ScoredText() {}

    /**
     * The ids of a text.
     *
     * @param tokenizer of the reward model
     * @param eosId the token that ends a completion; with none, nothing tells an ended completion from one cut off
     * @param prompt as a text
     * @param completion as a text, without an end-of-sequence token; may be empty
     * @param ended whether it ended by itself
     */
    public static int[] ids(Tokenizer tokenizer, OptionalInt eosId, String prompt, String completion, boolean ended) {
        return ids(tokenizer.encode(prompt), tokenizer.encodeWithout(completion), eosId, ended);
    }

    /**
     * The same of token ids.
     *
     * @param promptIds of the prompt
     * @param completionIds without an end-of-sequence token
     * @param eosId as above
     * @param ended as above
     */
    public static int[] ids(int[] promptIds, int[] completionIds, OptionalInt eosId, boolean ended) {
        boolean marked = ended && eosId.isPresent();
        int text = promptIds.length + completionIds.length;
        int[] ids = Arrays.copyOf(promptIds, text + (marked ? 1 : 0));
        System.arraycopy(completionIds, 0, ids, promptIds.length, completionIds.length);
        if (marked) {
            ids[text] = eosId.getAsInt();
        }
        return ids;
    }

    /** The main end-of-sequence token of a directory; empty where it names none, as classifiers may. */
    public static OptionalInt eosId(ModelDirectory directory) {
        return directory.eosIds().stream().mapToInt(Integer::intValue).findFirst();
    }
}
