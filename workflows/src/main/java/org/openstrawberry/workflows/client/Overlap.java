package org.openstrawberry.workflows.client;

import io.temporal.api.enums.v1.ScheduleOverlapPolicy;

/** What a schedule does where it is due while a run of it is running. */
public enum Overlap {
    /** Starts none. */
    SKIP,
    /** Starts one when the other has ended; more than one that is due meanwhile are started as one. */
    BUFFER_ONE,
    /** Starts all that are due meanwhile, one after the other. */
    BUFFER_ALL,
    /** Cancels the other, and starts one when it has ended. */
    CANCEL_OTHER,
    /** Terminates the other, and starts one. */
    TERMINATE_OTHER,
    /** Starts one beside the other. */
    ALLOW_ALL;

    ScheduleOverlapPolicy policy() {
        return ScheduleOverlapPolicy.valueOf("SCHEDULE_OVERLAP_POLICY_" + name());
    }
}
