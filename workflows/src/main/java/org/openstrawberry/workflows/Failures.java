package org.openstrawberry.workflows;

import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;

/** Why something failed, in the words of whoever threw it. */
public final class Failures {
    private Failures() {}

    /** The message of the first application failure behind a failure, else the failure's own. */
    public static String reason(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof ApplicationFailure application) {
                return String.valueOf(application.getOriginalMessage());
            }
            if (cause instanceof CanceledFailure) {
                return "canceled";
            }
        }
        return String.valueOf(failure.getMessage());
    }
}
