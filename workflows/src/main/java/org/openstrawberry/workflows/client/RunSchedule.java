package org.openstrawberry.workflows.client;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * A schedule as it stands.
 *
 * @param paused whether it starts nothing until it is resumed
 * @param next when it starts the next run, were it not paused; empty where it never does again
 * @param started how many runs it has started
 * @param skipped how often it started none since another one was running
 * @param runs ids of the runs that it started last, oldest first
 */
public record RunSchedule(
        String name, boolean paused, Optional<Instant> next, long started, long skipped, List<String> runs) {
    public RunSchedule {
        runs = List.copyOf(runs);
    }
}
