package org.openstrawberry.activities.lines;

/**
 * A line of {@code wave-SS-WWWW.jsonl}: a thought that was drawn at a step of a tree.
 *
 * @param prompt number in the iteration's batch
 * @param node id of the step that it goes on from
 * @param rollout whether it was drawn so that a new step has enough; otherwise the step grows by it
 * @param ids tokens that were generated, the end-of-sequence token included where there is one
 * @param logprobs of these tokens, at temperature 1
 * @param ended whether it ended by itself
 */
public record WaveLine(int prompt, int node, boolean rollout, int[] ids, float[] logprobs, boolean ended) {}
