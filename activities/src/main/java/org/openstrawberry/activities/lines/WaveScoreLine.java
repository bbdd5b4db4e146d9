package org.openstrawberry.activities.lines;

import java.util.Map;
import java.util.Optional;

/**
 * A line of {@code wave-SS-WWWW-scores.jsonl}: what a wave's thought came to.
 *
 * @param prompt number in the iteration's batch
 * @param branch number among the prompt's thoughts
 * @param reward of the whole thought, if it has one
 * @param error why it has none
 * @param parts as in {@link ScoreLine}
 * @param value what is backed up; absent where there is none, which is no zero
 */
public record WaveScoreLine(
        int prompt,
        int branch,
        Optional<Double> reward,
        Optional<String> error,
        Optional<Map<String, Double>> parts,
        Optional<Double> value) {}
