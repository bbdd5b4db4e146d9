package org.openstrawberry.workflows.steps;

import java.util.Map;

/**
 * What an optimiser step did.
 *
 * @param artifact {@code iterations/NNNNNN/step.json}
 * @param taken false where there was no pair to learn from
 * @param metrics by the names that TRL uses; empty where no step was taken
 * @param modelSeconds time in the model; zero where the step was already there
 */
public record Step(
        int iteration, ArtifactRef artifact, boolean taken, Map<String, Double> metrics, double modelSeconds) {}
