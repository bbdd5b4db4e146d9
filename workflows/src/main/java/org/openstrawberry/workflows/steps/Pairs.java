package org.openstrawberry.workflows.steps;

/**
 * The preference pairs of an iteration.
 *
 * @param artifact {@code iterations/NNNNNN/pairs.jsonl}
 * @param formed pairs to train on
 * @param tied pairs not formed because the rewards are equal
 * @param identical pairs not formed because both completions are the same
 * @param skippedPrompts prompts of which too few branches were scored
 */
public record Pairs(int iteration, ArtifactRef artifact, int formed, int tied, int identical, int skippedPrompts) {}
