package org.openstrawberry.workflows.steps;

/**
 * A file of the run directory, as it was when it was published.
 *
 * @param path relative to the run directory, with forward slashes
 * @param length in bytes
 * @param sha256 of the content, lower-case hexadecimal
 */
public record ArtifactRef(String path, long length, String sha256) {}
