package org.openstrawberry.workflows.steps;

import java.util.Optional;

/**
 * The sequences of one shard.
 *
 * @param artifact {@code iterations/NNNNNN/thoughts-SS.jsonl}
 * @param sequences prompts × branches of the shard
 * @param tokens generated tokens, end-of-sequence tokens included
 * @param ended sequences that ended by themselves
 * @param modelSeconds time in the model; zero where the shard was already there
 * @param scored their rewards, where whoever generated them has scored them too; else empty
 */
public record Thoughts(
        int iteration,
        int shard,
        ArtifactRef artifact,
        int sequences,
        long tokens,
        int ended,
        double modelSeconds,
        Optional<Scored> scored) {
    /**
     * The rewards of a shard.
     *
     * @param artifact {@code iterations/NNNNNN/scores-SS.jsonl}
     * @param sequences with a finite reward
     * @param quarantined sequences without
     * @param rewardSum sum of the finite rewards
     */
    public record Scored(ArtifactRef artifact, int sequences, int quarantined, double rewardSum) {}

    /** The same with rewards. */
    public Thoughts with(Scored scores) {
        return new Thoughts(iteration, shard, artifact, sequences, tokens, ended, modelSeconds, Optional.of(scores));
    }
}
