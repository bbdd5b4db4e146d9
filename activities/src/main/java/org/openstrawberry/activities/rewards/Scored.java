package org.openstrawberry.activities.rewards;

import java.util.Map;
import java.util.Optional;

/**
 * A completion's finite reward, or why it has none.
 *
 * @param parts the scores that the reward was made of, by name; empty where it is of one piece
 */
public record Scored(Optional<Double> reward, Optional<String> error, Map<String, Double> parts) {
    /** Exactly one of both is given. */
    public Scored {
        if (reward.isPresent() == error.isPresent()) {
            throw new IllegalArgumentException("expected a reward or an error, found " + reward + ", " + error);
        }
        parts = Map.copyOf(parts);
    }

    /** The reward, if it is finite. */
    public static Scored of(double reward) {
        return Double.isFinite(reward)
                ? new Scored(Optional.of(reward), Optional.empty(), Map.of())
                : failed("the reward is not a finite number");
    }

    /** Why there is none. */
    public static Scored failed(String error) {
        return new Scored(Optional.empty(), Optional.of(error), Map.of());
    }

    static Scored failed(Throwable error) {
        String message = error.getMessage();
        return failed(message == null || message.isBlank() ? error.getClass().getSimpleName() : message);
    }
}
