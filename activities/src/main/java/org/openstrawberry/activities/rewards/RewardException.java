package org.openstrawberry.activities.rewards;

import java.time.Duration;
import java.util.Optional;

/** A reward gave nothing that can be used. */
public final class RewardException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final boolean lasting;
    private final transient Optional<Duration> retryAfter;

    public RewardException(String message) {
        this(message, false, Optional.empty());
    }

    /** @param cause for the log */
    public RewardException(String message, Throwable cause) {
        this(message);
        initCause(cause);
    }

    private RewardException(String message, boolean lasting, Optional<Duration> retryAfter) {
        super(message);
        this.lasting = lasting;
        this.retryAfter = retryAfter;
    }

    /** One that would come again, however often the same is asked. */
    static RewardException lasting(String message) {
        return new RewardException(message, true, Optional.empty());
    }

    /** One that is worth another try, but not before so long. */
    static RewardException busy(String message, Optional<Duration> retryAfter) {
        return new RewardException(message, false, retryAfter);
    }

    boolean isLasting() {
        return lasting;
    }

    Optional<Duration> retryAfter() {
        return retryAfter;
    }
}
