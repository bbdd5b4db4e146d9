package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * When the frozen reference follows the policy.
 *
 * @param refresh whether, and how
 * @param every iterations from one refresh to the next; of no effect on never and best
 * @param alpha share of the policy in a soft refresh, above 0 and at most 1; of no effect on the others
 */
@JsonNaming(KebabCaseStrategy.class)
public record ReferenceSpec(Refresh refresh, int every, double alpha) {

    /** How the reference follows the policy. */
    public enum Refresh {
        /** Stays what it was before the first iteration. */
        @JsonProperty("never")
        NEVER,
        /** Becomes a copy of the policy. */
        @JsonProperty("every")
        EVERY,
        /** Becomes α·policy + (1−α)·reference. */
        @JsonProperty("soft")
        SOFT,
        /** Becomes a copy of the policy at each evaluation with the best held-out result so far. */
        @JsonProperty("best")
        BEST
    }

    /** Checks ranges. */
    public ReferenceSpec {
        Check.atLeast(1, "every", every);
        Check.that(alpha > 0 && alpha <= 1, "alpha", "above 0 and at most 1", alpha);
    }

    /**
     * Whether the reference is refreshed once an iteration's step is done, whatever evaluations say.
     *
     * @param iteration counted from 1
     */
    public boolean due(int iteration) {
        return (refresh == Refresh.EVERY || refresh == Refresh.SOFT) && iteration > 0 && iteration % every == 0;
    }

    /** Whether the reference is refreshed when an evaluation that was due finds the best result so far. */
    public boolean atBest() {
        return refresh == Refresh.BEST;
    }
}
