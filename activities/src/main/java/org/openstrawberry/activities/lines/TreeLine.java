package org.openstrawberry.activities.lines;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Optional;

/**
 * A line of {@code tree-SS.jsonl}: a step of a prompt's thoughts.
 *
 * @param prompt number in the iteration's batch
 * @param id unique in that prompt; 0 is the root, and a step comes after the one before it
 * @param parent the step before it; null for the root
 * @param tokens of the step; the root has none
 * @param text the same without special tokens
 * @param ended whether the thought is over with it
 * @param visits thoughts with a value that went through it
 * @param value the mean of theirs; absent without visits
 * @param prior mean log-probability of its tokens under the policy, in nats; 0 for the root
 * @param logprobs of its tokens, at temperature 1, by the policy that wrote them
 * @param branches numbers of the thoughts whose last step in the tree it is
 */
public record TreeLine(
        int iteration,
        int prompt,
        int id,
        @JsonInclude(JsonInclude.Include.ALWAYS) Optional<Integer> parent,
        int[] tokens,
        String text,
        boolean ended,
        int visits,
        Optional<Double> value,
        double prior,
        float[] logprobs,
        List<Integer> branches) {}
