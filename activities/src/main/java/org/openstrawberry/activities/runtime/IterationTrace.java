package org.openstrawberry.activities.runtime;

import com.google.common.hash.HashCode;
import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;

/**
 * The trace of an iteration. Its ids follow from what it is the trace of, so every process finds them by itself: nothing of
 * it goes through the workflow, no replay makes a span twice, and a step that is done again joins its iteration.
 *
 * @param traceId 32 hexadecimal digits
 * @param rootId the span of the whole iteration, 16 hexadecimal digits
 */
public record IterationTrace(int iteration, String traceId, String rootId) {
    private static final int TRACE_DIGITS = 32;
    private static final int SPAN_DIGITS = 16;

    /**
     * Of one iteration of a run.
     *
     * @param execution the workflow's run id: a run that is begun anew under its old name has other traces
     */
    static IterationTrace of(String run, String execution, int iteration) {
        HashCode hash = Hashing.sha256().hashString(run + "\n" + execution + "\n" + iteration, StandardCharsets.UTF_8);
        String digits = hash.toString();
        return new IterationTrace(
                iteration,
                digits.substring(0, TRACE_DIGITS),
                digits.substring(TRACE_DIGITS, TRACE_DIGITS + SPAN_DIGITS));
    }
}
