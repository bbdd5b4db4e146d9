package org.openstrawberry.workflows.steps;

import java.util.Map;
import java.util.Optional;

/**
 * What an optimiser step did.
 *
 * @param artifact {@code iterations/NNNNNN/step.json}
 * @param taken false where there was no pair to learn from
 * @param metrics by the names that TRL uses; empty where no step was taken
 * @param idleSeconds since the run's step before, in which the trainer's process computed nothing; empty where it took none
 * @param modelSeconds time in the model; zero where the step was already there
 */
public record Step(
        int iteration,
        ArtifactRef artifact,
        boolean taken,
        Map<String, Double> metrics,
        Optional<Double> idleSeconds,
        double modelSeconds) {}
