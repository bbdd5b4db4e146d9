package org.openstrawberry.workflows.steps;

import io.temporal.activity.ActivityInterface;

/** Step 1: which prompts an iteration trains on. */
@ActivityInterface
public interface PromptActivities {
    /**
     * Draws the iteration's prompts without replacement within an epoch, in an order given by seed and epoch; a batch
     * may span epochs. Writes {@code prompts.jsonl}.
     */
    PromptBatch samplePrompts(PromptRequest request);

    /** @param prompts how many to draw */
    record PromptRequest(RunRef run, int iteration, int prompts) {}
}
