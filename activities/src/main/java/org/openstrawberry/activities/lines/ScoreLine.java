package org.openstrawberry.activities.lines;

import java.util.Map;
import java.util.Optional;

/**
 * A line of {@code scores-SS.jsonl}: a finite reward, or why there is none.
 *
 * @param prompt number in the iteration's batch
 * @param branch number among the prompt's sequences
 * @param parts the scores of a sum's parts, by name, as they were before they were normalised and weighed
 */
public record ScoreLine(
        int iteration,
        int prompt,
        int branch,
        Optional<Double> reward,
        Optional<String> error,
        Optional<Map<String, Double>> parts) {
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
