package org.openstrawberry.workflows.steps;

/**
 * The sequences of one shard.
 *
 * @param artifact {@code iterations/NNNNNN/thoughts-SS.jsonl}
 * @param sequences prompts × branches of the shard
 * @param tokens generated tokens, end-of-sequence tokens included
 * @param ended sequences that ended by themselves
 * @param modelSeconds time in the model; zero where the shard was already there
 */
public record Thoughts(
        int iteration, int shard, ArtifactRef artifact, int sequences, long tokens, int ended, double modelSeconds) {}
