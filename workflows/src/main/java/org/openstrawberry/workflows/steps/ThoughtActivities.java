package org.openstrawberry.workflows.steps;

import io.temporal.activity.ActivityInterface;
import java.util.Optional;
import org.openstrawberry.config.SamplingSpec;

/** Step 2: the policy thinks. */
@ActivityInterface
public interface ThoughtActivities {
    /**
     * Generates the branches of one shard's prompts from the policy as it is before the iteration's step. Writes
     * {@code thoughts-SS.jsonl}, one sequence a line.
     */
    Thoughts generate(ThoughtRequest request);

    /**
     * @param shard counted from 0; shards part the prompts in order, as evenly as they go
     * @param parent the iteration whose state thinks, after a rollback; empty: the one before
     */
    record ThoughtRequest(
            RunRef run, PromptBatch prompts, int shard, SamplingSpec sampling, Optional<Integer> parent) {}
}
