package org.openstrawberry.worker.report;

import java.util.List;
import java.util.function.ToLongFunction;
import java.util.stream.IntStream;

/**
 * Members of a list that stand for all of it, evenly spread, the first and the last among them: a report is to be written
 * in a moment however long the run was.
 *
 * @param factor how many of the list each stands for
 */
record Spread<T>(List<T> members, double factor) {

    /** At most so many. */
    static <T> Spread<T> of(List<T> all, int most) {
        if (all.size() <= most) {
            return new Spread<>(all, 1);
        }
        List<T> some = IntStream.range(0, most)
                .mapToObj(i -> all.get((int) Math.round((double) i * (all.size() - 1) / (most - 1))))
                .distinct()
                .toList();
        return new Spread<>(some, (double) all.size() / some.size());
    }

    /** At most so many, of about so many bytes in all; at least two. */
    static <T> Spread<T> of(List<T> all, int most, long bytes, ToLongFunction<T> size) {
        Spread<T> few = of(all, Math.min(all.size(), Math.max(2, Math.min(most, 8))));
        double mean = few.members().stream().mapToLong(size).average().orElse(0);
        int affordable = (int) Math.min(most, Math.max(2, bytes / Math.max(1, mean)));
        return of(all, affordable);
    }

    boolean isWhole() {
        return factor == 1;
    }
}
