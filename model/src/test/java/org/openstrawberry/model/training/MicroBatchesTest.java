package org.openstrawberry.model.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class MicroBatchesTest {
    @Property
    void eachItemStandsOnceAndNoMicroBatchIsTooLarge(
            @ForAll @Size(max = 40) List<@IntRange(min = 1, max = 60) Integer> items,
            @ForAll @IntRange(min = 1, max = 2) int rowsEach,
            @ForAll @IntRange(min = 1, max = 300) int tokens) {
        int[] lengths = items.stream().mapToInt(Integer::intValue).toArray();
        List<List<Integer>> plan = MicroBatches.plan(lengths, rowsEach, tokens);
        assertThat(plan.stream().flatMap(List::stream))
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, lengths.length).boxed().toList());
        for (List<Integer> part : plan) {
            int longest = part.stream().mapToInt(i -> lengths[i]).max().orElseThrow();
            assertThat(part.size() == 1 || part.size() * rowsEach * longest <= tokens)
                    .isTrue();
        }
    }

    @Test
    void itemsOfLikeLengthStandTogetherLongestFirst() {
        assertThat(MicroBatches.plan(new int[] {3, 9, 3, 8, 3}, 1, 18))
                .containsExactly(List.of(1, 3), List.of(0, 2, 4));
    }

    @Test
    void anItemLargerThanTheBudgetStandsAlone() {
        assertThat(MicroBatches.plan(new int[] {5, 50, 5}, 1, 10)).containsExactly(List.of(1), List.of(0, 2));
    }

    @Test
    void aBudgetOfNothingIsRefused() {
        assertThatThrownBy(() -> MicroBatches.plan(new int[] {1}, 1, 0))
                .hasMessage("micro-batch tokens must be at least 1, found 0");
    }
}
