package org.openstrawberry.workflows.steps;

import org.openstrawberry.workflows.steps.Thoughts.Scored;

/**
 * The rewards of one shard, beside its thoughts.
 *
 * @param artifact {@code iterations/NNNNNN/scores-SS.jsonl}
 * @param scored sequences with a finite reward
 * @param quarantined sequences without
 * @param rewardSum sum of the finite rewards
 */
public record Scores(
        int iteration, Thoughts thoughts, ArtifactRef artifact, int scored, int quarantined, double rewardSum) {
    public static Scores of(Thoughts thoughts, Scored scored) {
        return new Scores(
                thoughts.iteration(),
                thoughts,
                scored.artifact(),
                scored.sequences(),
                scored.quarantined(),
                scored.rewardSum());
    }
}
