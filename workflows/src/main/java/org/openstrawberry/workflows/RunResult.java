package org.openstrawberry.workflows;

/**
 * How a run ended.
 *
 * @param iteration the last iteration
 * @param reason why it stopped there, in words
 * @param policy the Hugging Face directory that came out, relative to the run directory
 * @param policySha256 of its {@code model.safetensors}, or of the hashes of its shards
 */
public record RunResult(int iteration, String reason, String policy, String policySha256) {}
