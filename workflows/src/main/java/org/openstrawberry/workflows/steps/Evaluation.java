package org.openstrawberry.workflows.steps;

import java.util.Map;

/**
 * The held-out result of the policy after an iteration.
 *
 * @param artifact {@code iterations/NNNNNN/evaluation.jsonl}
 * @param heldOut what convergence looks at: greedy accuracy, or the mean greedy reward where rewards are not all 0 or 1
 * @param metrics {@code eval/…}
 * @param modelSeconds time in the model; zero where the evaluation was already there
 */
public record Evaluation(
        int iteration, ArtifactRef artifact, double heldOut, Map<String, Double> metrics, double modelSeconds) {}
