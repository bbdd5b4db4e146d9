package org.openstrawberry.workflows.steps;

/**
 * The prompts of an iteration.
 *
 * @param artifact {@code iterations/NNNNNN/prompts.jsonl}
 * @param prompts how many there are
 */
public record PromptBatch(int iteration, ArtifactRef artifact, int prompts) {}
