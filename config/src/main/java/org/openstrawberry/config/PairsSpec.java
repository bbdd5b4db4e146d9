package org.openstrawberry.config;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * How scored thoughts become preference pairs.
 *
 * @param perPrompt pairs a prompt (K); twice that many branches are needed
 * @param order which preferred thought meets which unpreferred one
 */
@JsonNaming(KebabCaseStrategy.class)
public record PairsSpec(int perPrompt, PairOrder order) {

    /** Checks that at least one pair is asked for. */
    public PairsSpec {
        Check.that(perPrompt >= 1 && perPrompt <= 1_000_000, "per-prompt", "from 1 to 1000000", perPrompt);
    }
}
