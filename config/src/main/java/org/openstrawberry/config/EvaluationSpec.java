package org.openstrawberry.config;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * How often held-out prompts are answered. Before the first iteration and after the last they always are.
 *
 * @param every iterations from one evaluation to the next
 * @param samples completions sampled for a held-out prompt at temperature 1, beside the greedy one; 0: greedy only
 */
@JsonNaming(KebabCaseStrategy.class)
public record EvaluationSpec(int every, int samples) {

    /** Checks ranges. */
    public EvaluationSpec {
        Check.atLeast(1, "every", every);
        Check.atLeast(0, "samples", samples);
    }
}
