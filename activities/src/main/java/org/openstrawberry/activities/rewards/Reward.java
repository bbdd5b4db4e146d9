package org.openstrawberry.activities.rewards;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import reactor.core.publisher.Mono;

/** Scores a completion: the higher, the better. */
public interface Reward {
    /**
     * The reward of one completion. An error, no value, NaN and infinity all mean that this completion has no reward;
     * the caller tries again and then goes on without it.
     */
    Mono<Double> score(Sample sample);

    /**
     * What a reward is told.
     *
     * @param prompt text
     * @param fields the prompt's whole line in the data file
     * @param completion text without special tokens
     * @param ended whether the completion ended by itself, not at the length limit
     */
    record Sample(String prompt, Map<String, JsonNode> fields, String completion, boolean ended) {}
}
