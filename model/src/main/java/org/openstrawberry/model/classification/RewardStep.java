package org.openstrawberry.model.classification;

/**
 * What a step of a reward model found before it changed the weights.
 *
 * @param fit of the batch
 * @param gradNorm Euclidean norm of the gradient over all weights, before clipping
 */
public record RewardStep(PairFit fit, double gradNorm) {}
