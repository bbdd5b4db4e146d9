package org.openstrawberry.model.training;

/**
 * What a supervised step found before it changed the weights.
 *
 * @param loss mean cross-entropy over the completion tokens, in nats
 * @param gradNorm Euclidean norm of the gradient over all weights, before clipping
 * @param tokens completion tokens of the batch
 */
public record SupervisedStep(double loss, double gradNorm, int tokens) {}
