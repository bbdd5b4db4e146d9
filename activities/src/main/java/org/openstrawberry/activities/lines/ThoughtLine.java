package org.openstrawberry.activities.lines;

import java.util.Optional;

/**
 * A line of {@code thoughts-SS.jsonl}: one sampled sequence.
 *
 * @param prompt number in the iteration's batch
 * @param branch number among the prompt's sequences, from 0
 * @param ids generated tokens, the end-of-sequence token included where there is one
 * @param text the same without special tokens
 * @param ended whether it ended by itself
 * @param logprobs of the tokens, at temperature 1, by the policy that wrote them; earlier versions did not keep them
 * @param policy iteration of the policy that wrote it, where sampling runs ahead; else it is the iteration before
 */
public record ThoughtLine(
        int iteration,
        int prompt,
        int branch,
        int[] ids,
        String text,
        boolean ended,
        Optional<float[]> logprobs,
        Optional<Integer> policy) {}
