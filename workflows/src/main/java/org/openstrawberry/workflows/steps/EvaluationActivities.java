package org.openstrawberry.workflows.steps;

import io.temporal.activity.ActivityInterface;
import org.openstrawberry.config.EvaluationSpec;

/** How good the policy is on held-out prompts. */
@ActivityInterface
public interface EvaluationActivities {
    /**
     * Answers every held-out prompt greedily, and sampled at temperature 1 as often as asked, and has the answers scored by
     * the reward, and by the judge where there is one. Writes {@code evaluation.jsonl}.
     */
    Evaluation evaluate(RunRef run, int iteration, EvaluationSpec evaluation);
}
