package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * Course of a learning rate: up linearly over the warm-up steps, then as the kind says.
 *
 * @param kind course after the warm-up steps
 * @param warmupSteps steps in which the rate rises to its peak
 * @param finalFraction share of the peak that linear and cosine end at, from 0 to 1; of no effect on constant
 */
@JsonNaming(KebabCaseStrategy.class)
public record ScheduleSpec(Kind kind, int warmupSteps, double finalFraction) {

    /** Course after the warm-up steps. */
    public enum Kind {
        /** Stays at the peak. */
        @JsonProperty("constant")
        CONSTANT,
        /** Falls along a straight line. */
        @JsonProperty("linear")
        LINEAR,
        /** Falls along half a cosine. */
        @JsonProperty("cosine")
        COSINE
    }

    /** Checks ranges. */
    public ScheduleSpec {
        Check.atLeast(0, "warmup-steps", warmupSteps);
        Check.that(finalFraction >= 0 && finalFraction <= 1, "final-fraction", "from 0 to 1", finalFraction);
    }
}
