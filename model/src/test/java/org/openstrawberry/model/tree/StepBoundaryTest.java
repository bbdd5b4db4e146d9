package org.openstrawberry.model.tree;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.OptionalInt;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class StepBoundaryTest {
    @Test
    void aStepEndsBehindItsEndingToken() {
        assertThat(new StepBoundary(ids -> false, Set.of(7, 9), OptionalInt.empty()).end(new int[] {1, 9, 7, 2}))
                .isEqualTo(2);
    }

    @Test
    void aStepIsNoLongerThanItMayBeNorThanItsThought() {
        assertThat(StepBoundary.every(3).end(new int[] {1, 2, 3, 4})).isEqualTo(3);
        assertThat(StepBoundary.every(3).end(new int[] {1, 2})).isEqualTo(2);
    }

    @Property
    void aStepEndsBehindTheTokenThatCompletesTheDelimiter(
            @ForAll @Size(min = 1, max = 40) int[] drawn, @ForAll @IntRange(min = 1, max = 3) int length) {
        int[] ids = Arrays.stream(drawn).map(id -> Math.floorMod(id, 3)).toArray();
        StepBoundary ones = new StepBoundary(step -> run(step, length) >= 0, Set.of(), OptionalInt.empty());

        int expected = run(ids, length) < 0 ? ids.length : run(ids, length) + length;

        assertThat(ones.end(ids)).isEqualTo(expected);
    }

    /** Where a number of ones begins, else −1. */
    private static int run(int[] ids, int length) {
        for (int t = 0; t + length <= ids.length; t++) {
            if (Arrays.stream(ids, t, t + length).allMatch(id -> id == 1)) {
                return t;
            }
        }
        return -1;
    }
}
