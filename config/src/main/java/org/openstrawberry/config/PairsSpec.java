package org.openstrawberry.config;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;

/**
 * How scored thoughts become preference pairs. What is optional may be absent in what was written before it existed.
 *
 * @param perPrompt pairs a prompt (K); twice that many branches are needed
 * @param order which preferred thought meets which unpreferred one
 * @param minMargin least difference of the two rewards, above 0; absent: any
 * @param dropDuplicates whether thoughts of a prompt that are equal token by token count once
 * @param lengthMatched how far the reward of an unpreferred thought may be from that of the one that the order picks, at
 *     least 0, so that one of like length can stand in for it; absent: the order alone decides
 * @param maxPerIteration most pairs to train on; absent: all
 */
@JsonNaming(KebabCaseStrategy.class)
public record PairsSpec(
        int perPrompt,
        PairOrder order,
        Optional<Double> minMargin,
        boolean dropDuplicates,
        Optional<Double> lengthMatched,
        Optional<Integer> maxPerIteration) {

    /** Checks ranges. */
    public PairsSpec {
        minMargin.ifPresent(margin -> Check.positive("min-margin", margin));
        lengthMatched.ifPresent(tolerance -> Check.notNegative("length-matched", tolerance));
        maxPerIteration.ifPresent(most -> Check.atLeast(1, "max-per-iteration", most));
        Check.that(perPrompt >= 1 && perPrompt <= 1_000_000, "per-prompt", "from 1 to 1000000", perPrompt);
    }

    /** Pairs of an order without options. */
    public static PairsSpec of(int perPrompt, PairOrder order) {
        return new PairsSpec(perPrompt, order, Optional.empty(), false, Optional.empty(), Optional.empty());
    }
}
