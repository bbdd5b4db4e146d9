package org.openstrawberry.workflows.steps;

import io.temporal.activity.ActivityInterface;

/**
 * Where a run is trained. One process holds its policy in memory; the run's steps go to that process's own task queue for
 * as long as it lives.
 */
@ActivityInterface
public interface HostActivities {
    /** The type of the failure by which a process that is about to end refuses steps: another one is to take the run. */
    String ENDING = "HostEnding";

    /**
     * Taken by any trainer that is free.
     *
     * @return its own task queue
     */
    String lease(RunRef run);

    /** Asked on a process's own task queue; the answer says that it lives. */
    void ping();
}
