package org.openstrawberry.workflows.client;

/** A run failed. The message is its reason in one line. */
public final class RunFailedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * @param reason one line
     * @param cause as the server told it
     */
    public RunFailedException(String reason, Throwable cause) {
        super(reason, cause);
    }
}
