package org.openstrawberry.workflows.steps;

/**
 * Which run a step belongs to.
 *
 * @param id the run's id, which is also its workflow id
 * @param directory absolute path of the run directory
 */
public record RunRef(String id, String directory) {}
