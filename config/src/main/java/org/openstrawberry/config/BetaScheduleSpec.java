package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * Course of {@code dpo.beta} over {@code until.iterations}: from its value in the first iteration to another one in the
 * last.
 *
 * @param kind course in between
 * @param finalBeta value in the last iteration, above 0; may be above the first or below it
 */
@JsonNaming(KebabCaseStrategy.class)
public record BetaScheduleSpec(Kind kind, double finalBeta) {

    /** Course between the first value and the last. */
    public enum Kind {
        /** A straight line. */
        @JsonProperty("linear")
        LINEAR,
        /** Half a cosine: slow at both ends. */
        @JsonProperty("cosine")
        COSINE
    }

    /** Checks the last value. */
    public BetaScheduleSpec {
        Check.positive("final-beta", finalBeta);
    }

    /** The value of an iteration counted from 1; after the last of so many it stays what it is there. */
    double at(double beta, int iteration, int iterations) {
        double progress = iterations <= 1 ? 0 : Math.min(1, (iteration - 1.0) / (iterations - 1.0));
        double done = kind == Kind.LINEAR ? progress : (1 - Math.cos(Math.PI * progress)) / 2;
        return beta + (finalBeta - beta) * done;
    }
}
