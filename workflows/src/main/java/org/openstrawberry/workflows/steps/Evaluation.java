package org.openstrawberry.workflows.steps;

import java.util.Map;

/**
 * The held-out result of the policy after an iteration.
 *
 * @param artifact {@code iterations/NNNNNN/evaluation.jsonl}
 * @param heldOut what convergence looks at: the mean of the greedy answers' scores by the judge, without one by the reward
 * @param metrics {@code eval/…} and {@code objective/kl_initial}
 * @param modelSeconds time in the model; zero where the evaluation was already there
 */
public record Evaluation(
        int iteration, ArtifactRef artifact, double heldOut, Map<String, Double> metrics, double modelSeconds) {}
