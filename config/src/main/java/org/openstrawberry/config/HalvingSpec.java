package org.openstrawberry.config;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.ArrayList;
import java.util.List;

/**
 * Successive halving (Jamieson and Talwalkar, 2016): all trials train a little, the best go on to a multiple of it, and so
 * on until the best have trained to the end.
 *
 * @param start iterations of the first rung
 * @param factor after each rung the best 1/factor go on, to factor times as many iterations
 */
@JsonNaming(KebabCaseStrategy.class)
public record HalvingSpec(int start, int factor) {
    /** Checks ranges. */
    public HalvingSpec {
        Check.atLeast(1, "start", start);
        Check.atLeast(2, "factor", factor);
    }

    /**
     * The iterations that each rung trains to, ascending.
     *
     * @param end the last rung's
     */
    List<Integer> rungs(int end) {
        List<Integer> rungs = new ArrayList<>();
        for (long rung = start; rung < end; rung *= factor) {
            rungs.add((int) rung);
        }
        rungs.add(end);
        return List.copyOf(rungs);
    }

    /** How many of so many trials go on: at least one. */
    public int survivors(int trials) {
        return Math.max(1, trials / factor);
    }
}
