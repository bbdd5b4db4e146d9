package org.openstrawberry.activities.rewards;

/** A reward gave nothing that can be used. */
public final class RewardException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public RewardException(String message) {
        super(message);
    }
}
