package org.openstrawberry.config;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * How often the whole state is stored, and how much of it is kept. Iteration 0 and the best by evaluation always are.
 *
 * @param every iterations from one checkpoint to the next
 * @param keepLast newest checkpoints that are kept
 * @param keepEvery checkpoints of iterations that this divides are kept as well; 0: off
 */
@JsonNaming(KebabCaseStrategy.class)
public record CheckpointSpec(int every, int keepLast, int keepEvery) {

    /** Checks ranges. */
    public CheckpointSpec {
        Check.atLeast(1, "every", every);
        Check.atLeast(1, "keep-last", keepLast);
        Check.atLeast(0, "keep-every", keepEvery);
    }
}
