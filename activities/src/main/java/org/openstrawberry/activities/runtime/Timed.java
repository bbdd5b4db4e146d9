package org.openstrawberry.activities.runtime;

import java.util.concurrent.Callable;

/**
 * A result and how long it took.
 *
 * @param seconds by the wall clock
 */
public record Timed<T>(T value, double seconds) {
    /** Does the work and takes its time. */
    public static <T> Timed<T> of(Callable<T> work) throws Exception {
        long start = System.nanoTime();
        T value = work.call();
        return new Timed<>(value, (System.nanoTime() - start) / 1e9);
    }
}
