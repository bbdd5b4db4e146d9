package org.openstrawberry.activities.rewards;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import reactor.core.publisher.Mono;

/** Scores a completion: the higher, the better. */
@FunctionalInterface
public interface Reward extends AutoCloseable {
    /**
     * The reward of one completion. An error, no value, NaN and infinity all mean that this completion has no reward;
     * the caller tries again and then goes on without it. May be asked from several threads at a time.
     */
    Mono<Double> score(Sample sample);

    /** Lets go of what it holds; nothing is asked afterwards. */
    @Override
    default void close() {}

    /**
     * What a reward is told.
     *
     * @param prompt text
     * @param fields the prompt's whole line in the data file
     * @param completion text without special tokens
     * @param ended whether the completion ended by itself, not at the length limit
     * @param tokens its length, the end-of-sequence token included
     */
    record Sample(String prompt, Map<String, JsonNode> fields, String completion, boolean ended, int tokens) {}
}
