package org.openstrawberry.activities.lines;

import java.util.Optional;

/**
 * A line of {@code pairs.jsonl}: a preference, readable by people and by TRL ({@code prompt}, {@code chosen},
 * {@code rejected}).
 *
 * @param promptNumber number in the iteration's batch
 * @param pair k: the k-th preferred with the k-th unpreferred, from 1
 * @param prompt text
 * @param chosen text of the preferred completion
 * @param rejected text of the unpreferred one
 * @param chosenRank place among the prompt's scored sequences, from 1
 * @param chosenBranch its number among the prompt's sequences
 * @param promptIds tokens
 * @param chosenIds tokens, the end-of-sequence token included where there is one
 * @param rejectedIds likewise
 * @param chosenLogprobs of its tokens, at temperature 1, by the policy that wrote them; earlier versions did not keep them
 * @param rejectedLogprobs likewise
 * @param steps where the completions are steps of a tree of thoughts: {@code prompt} is then the prompt with the thought so
 *     far, and the branches are the first that went through the steps
 * @param weight by which the pair's loss counts; absent: 1
 */
public record PairLine(
        int iteration,
        int promptNumber,
        int pair,
        String prompt,
        String chosen,
        String rejected,
        double chosenReward,
        double rejectedReward,
        int chosenRank,
        int rejectedRank,
        int chosenBranch,
        int rejectedBranch,
        int[] promptIds,
        int[] chosenIds,
        int[] rejectedIds,
        Optional<float[]> chosenLogprobs,
        Optional<float[]> rejectedLogprobs,
        Optional<Steps> steps,
        Optional<Double> weight) {

    /**
     * Two steps of a tree that follow the same one.
     *
     * @param parent id of the step before them
     * @param chosen id of the preferred step
     * @param rejected id of the other
     */
    public record Steps(int parent, int chosen, int rejected, int chosenVisits, int rejectedVisits) {}

    /** The same pair with a weight. */
    public PairLine weighing(Optional<Double> otherWeight) {
        return new PairLine(
                iteration,
                promptNumber,
                pair,
                prompt,
                chosen,
                rejected,
                chosenReward,
                rejectedReward,
                chosenRank,
                rejectedRank,
                chosenBranch,
                rejectedBranch,
                promptIds,
                chosenIds,
                rejectedIds,
                chosenLogprobs,
                rejectedLogprobs,
                steps,
                otherWeight);
    }
}
