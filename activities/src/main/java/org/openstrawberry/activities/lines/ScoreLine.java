package org.openstrawberry.activities.lines;

import java.util.Optional;

/**
 * A line of {@code scores-SS.jsonl}: a finite reward, or why there is none.
 *
 * @param prompt number in the iteration's batch
 * @param branch number among the prompt's sequences
 */
public record ScoreLine(int iteration, int prompt, int branch, Optional<Double> reward, Optional<String> error) {
    /** Exactly one of both is given, and a reward is finite. */
    public ScoreLine {
        if (reward.isPresent() == error.isPresent()) {
            throw new IllegalArgumentException(
                    "a score has either a reward or an error, found " + reward + ", " + error);
        }
        if (reward.isPresent() && !Double.isFinite(reward.get())) {
            throw new IllegalArgumentException("a reward must be finite, found " + reward.get());
        }
    }
}
