package org.openstrawberry.workflows.client;

import io.temporal.client.schedules.ScheduleIntervalSpec;
import io.temporal.client.schedules.ScheduleSpec;
import java.time.Duration;
import java.util.List;
import org.openstrawberry.config.InvalidInputException;

/** When a schedule starts runs. */
public sealed interface Timing {
    /**
     * At the times of a cron expression, in UTC unless it begins with {@code CRON_TZ=}.
     *
     * @param expression as Temporal reads it, such as {@code 0 2 * * *}
     */
    record Cron(String expression) implements Timing {}

    /**
     * Again and again, at the multiples of the interval since 1970 in UTC.
     *
     * @param interval at least a second
     */
    record Every(Duration interval) implements Timing {
        public Every {
            if (interval.compareTo(Duration.ofSeconds(1)) < 0) {
                throw new InvalidInputException("every: must be at least a second, found " + interval);
            }
        }
    }

    /** For error lines. */
    default String words() {
        return this instanceof Cron cron ? "cron \"" + cron.expression() + "\"" : String.valueOf(this);
    }

    /** The same in Temporal's terms. */
    default ScheduleSpec spec() {
        ScheduleSpec.Builder spec = ScheduleSpec.newBuilder();
        if (this instanceof Cron cron) {
            spec.setCronExpressions(List.of(cron.expression()));
        } else if (this instanceof Every every) {
            spec.setIntervals(List.of(new ScheduleIntervalSpec(every.interval())));
        }
        return spec.build();
    }
}
