package org.openstrawberry.config;

/**
 * A mistake in what the user gave: a run file, a data file, a model directory, an option. The message is one complete
 * line for the user that names the file and place, what was found and what was expected; it is printed as it stands,
 * without a stack trace.
 */
public final class InvalidInputException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param message one line, ready to be shown */
    public InvalidInputException(String message) {
        super(message);
    }

    /**
     * @param message one line, ready to be shown
     * @param cause what was thrown by the reader or parser, for the log
     */
    public InvalidInputException(String message, Throwable cause) {
        super(message, cause);
    }
}
