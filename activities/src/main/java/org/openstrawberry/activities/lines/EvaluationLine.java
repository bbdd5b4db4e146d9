package org.openstrawberry.activities.lines;

import java.util.Optional;

/**
 * A line of {@code evaluation.jsonl}: an answer to a held-out prompt.
 *
 * @param prompt number among the held-out prompts, from 0
 * @param sample 0 is the greedy answer, the sampled ones count from 1
 * @param promptText the prompt
 * @param text the answer without special tokens
 * @param tokens its length, the end-of-sequence token included
 * @param ended whether it ended by itself
 * @param reward of the reward that the policy is trained against; of one that compares, its wins among the prompt's answers
 * @param error why there is none
 * @param judge score of the judge, where the run has one
 * @param judgeError why there is none
 * @param logRatio log π(answer) − log π₀(answer) in nats, π₀ being the policy of iteration 0; of sampled answers
 */
public record EvaluationLine(
        int iteration,
        int prompt,
        int sample,
        String promptText,
        String text,
        int tokens,
        boolean ended,
        Optional<Double> reward,
        Optional<String> error,
        Optional<Double> judge,
        Optional<String> judgeError,
        Optional<Double> logRatio) {}
