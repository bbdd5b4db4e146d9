package org.openstrawberry.workflows.steps;

import io.temporal.activity.ActivityInterface;
import org.openstrawberry.config.RewardSpec;

/** Step 3: every sequence gets a reward. */
@ActivityInterface
public interface RewardActivities {
    /**
     * Scores one shard. A reward that is missing, not a number or infinite is an error of its sequence: it is tried
     * again, then quarantined and counted. Writes {@code scores-SS.jsonl}.
     */
    Scores score(ScoreRequest request);

    /** @param thoughts the shard to score */
    record ScoreRequest(RunRef run, PromptBatch prompts, Thoughts thoughts, RewardSpec reward) {}
}
