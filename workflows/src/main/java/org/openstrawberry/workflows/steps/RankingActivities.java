package org.openstrawberry.workflows.steps;

import io.temporal.activity.ActivityInterface;
import java.util.List;
import org.openstrawberry.config.PairsSpec;

/** Steps 4 to 6: sort by reward, part top from bottom, pair in rank order. */
@ActivityInterface
public interface RankingActivities {
    /** Ranks each prompt's sequences and pairs them. Writes {@code pairs.jsonl}. */
    Pairs rankAndPair(RankingRequest request);

    /**
     * @param scores all shards of the iteration, in shard order
     * @param quorum share of a prompt's branches that must be scored for it to be used
     */
    record RankingRequest(RunRef run, PromptBatch prompts, List<Scores> scores, PairsSpec pairs, double quorum) {}
}
