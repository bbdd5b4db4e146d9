package org.openstrawberry.workflows;

import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.TerminatedFailure;
import io.temporal.failure.TimeoutFailure;

/** Failures as Temporal hands them on, in words for the people whose run it was. */
public final class Failures {
    private Failures() {}

    /** The reason in one line: what the step itself said, where it said something. */
    public static String reason(Throwable failure) {
        String step = "the run";
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof ActivityFailure activity) {
                step = "the step " + activity.getActivityType();
            }
            if (cause instanceof ApplicationFailure application) {
                return String.valueOf(application.getOriginalMessage());
            }
            if (cause instanceof TimeoutFailure timeout) {
                return step + " did not answer (" + timeout.getTimeoutType() + ")";
            }
            if (cause instanceof TerminatedFailure) {
                return "terminated on the server";
            }
            if (cause instanceof CanceledFailure) {
                return "stopped at once by request";
            }
        }
        return String.valueOf(failure.getMessage());
    }
}
