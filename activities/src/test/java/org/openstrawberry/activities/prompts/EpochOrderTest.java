package org.openstrawberry.activities.prompts;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.openstrawberry.activities.prompts.EpochOrder.Draw;

class EpochOrderTest {
    @Property(tries = 100)
    void everyRowIsDrawnOnceAnEpoch(
            @ForAll @IntRange(min = 1, max = 60) int rows, @ForAll long seed, @ForAll @IntRange(max = 5) int epoch) {
        EpochOrder order = new EpochOrder(rows, seed, "prompts");

        assertThat(IntStream.range(0, rows).mapToObj(i -> order.at((long) epoch * rows + i)))
                .allSatisfy(draw -> assertThat(draw.epoch()).isEqualTo(epoch))
                .extracting(Draw::row)
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, rows).boxed().toList());
    }

    @Test
    void aPositionDoesNotDependOnWhatWasAskedBefore() {
        EpochOrder once = new EpochOrder(10, 7, "prompts");
        EpochOrder often = new EpochOrder(10, 7, "prompts");
        IntStream.range(0, 40).forEach(often::at);

        assertThat(often.at(13)).isEqualTo(once.at(13));
    }

    @Test
    void epochsAndPurposesHaveOrdersOfTheirOwn() {
        EpochOrder order = new EpochOrder(50, 7, "prompts");
        EpochOrder other = new EpochOrder(50, 7, "warm-up");

        assertThat(rows(order, 0)).isNotEqualTo(rows(order, 50)).isNotEqualTo(rows(other, 0));
    }

    private static List<Integer> rows(EpochOrder order, int first) {
        return IntStream.range(first, first + 50)
                .mapToObj(position -> order.at(position).row())
                .toList();
    }
}
