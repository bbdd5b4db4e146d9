package org.openstrawberry.activities.runtime;

import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;

/** Says how far a step has come. */
public final class Heartbeats {
    private Heartbeats() {}

    /** Sends a heartbeat of the step that this thread works on; does nothing outside of one. */
    public static void tell(String progress) {
        ActivityExecutionContext step;
        try {
            step = Activity.getExecutionContext();
        } catch (IllegalStateException outside) {
            return;
        }
        step.heartbeat(progress);
    }
}
