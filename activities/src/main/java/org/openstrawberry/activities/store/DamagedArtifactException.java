package org.openstrawberry.activities.store;

/** A file of the run directory is not what was published there. The message names it, what was found and expected. */
public final class DamagedArtifactException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param message one line that begins with the file */
    public DamagedArtifactException(String message) {
        super(message);
    }
}
