package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * What scores a thought.
 *
 * @param verifier the rule that gives 1 or 0
 * @param quorum share of a prompt's branches that must be scored, above 0 and at most 1; with fewer the prompt is skipped
 */
@JsonNaming(KebabCaseStrategy.class)
public record RewardSpec(
        @JsonPropertyDescription("a block of keys with kind: numeric, exact or regex")
        VerifierSpec verifier,

        double quorum) {

    /** Checks the quorum. */
    public RewardSpec {
        Check.that(quorum > 0 && quorum <= 1, "quorum", "above 0 and at most 1", quorum);
    }
}
