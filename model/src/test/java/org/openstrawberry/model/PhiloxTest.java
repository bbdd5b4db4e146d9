package org.openstrawberry.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class PhiloxTest {
    /** The known answers for philox4x32-10 in kat_vectors of the Random123 library. */
    @Test
    void blockGivesTheKnownAnswersOfRandom123() {
        assertThat(Philox.block(0, 0, 0, 0, 0, 0)).containsExactly(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
        assertThat(Philox.block(-1, -1, -1, -1, -1, -1))
                .containsExactly(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
        assertThat(Philox.block(0xa4093822, 0x299f31d0, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344))
                .containsExactly(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
    }

    @Test
    void seedFillsTheKeyAndCoordinatesTheCounterInOrder() {
        assertThat(Philox.block(0x299f31d0a4093822L, 0x243f6a88L, 0x85a308d3L, 0x13198a2eL, 0x03707344L))
                .containsExactly(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
    }

    @Test
    void uniformIsTheUpperBitsOfTheFirstWord() {
        assertThat(Philox.uniform(0, 0, 0, 0, 0)).isEqualTo(0x6627e8 / 16777216f);
        assertThat(Philox.uniform(0x299f31d0a4093822L, 0x243f6a88L, 0x85a308d3L, 0x13198a2eL, 0x03707344L))
                .isEqualTo(0xd16cfe / 16777216f);
    }

    @Property
    void uniformIsFromZeroToBelowOneAndDependsOnEachCoordinate(
            @ForAll long seed,
            @ForAll @LongRange(max = 0xFFFFFFFEL) long a,
            @ForAll @LongRange(max = 0xFFFFFFFEL) long b) {
        assertThat(Philox.uniform(seed, a, b, 3, 4)).isGreaterThanOrEqualTo(0f).isLessThan(1f);
        assertThat(Philox.block(seed, a, b, 3, 4))
                .isEqualTo(Philox.block(seed, a, b, 3, 4))
                .isNotEqualTo(Philox.block(seed, a + 1, b, 3, 4))
                .isNotEqualTo(Philox.block(seed, a, b + 1, 3, 4))
                .isNotEqualTo(Philox.block(seed, a, b, 4, 4))
                .isNotEqualTo(Philox.block(seed, a, b, 3, 5))
                .isNotEqualTo(Philox.block(seed + 1, a, b, 3, 4));
    }

    @Test
    void uniformIsUniform() {
        double sum = 0;
        int low = 0;
        int count = 100_000;
        for (int position = 0; position < count; position++) {
            float u = Philox.uniform(7, 1, 2, 3, position);
            sum += u;
            low += u < 0.125f ? 1 : 0;
        }
        assertThat(sum / count).isCloseTo(0.5, within(0.005));
        assertThat((double) low / count).isCloseTo(0.125, within(0.005));
    }

    @Test
    void purposesHaveSeedsOfTheirOwn() {
        assertThat(Philox.seed(7, "prompts"))
                .isEqualTo(Philox.seed(7, "prompts"))
                .isNotEqualTo(Philox.seed(7, "evaluation"))
                .isNotEqualTo(Philox.seed(8, "prompts"))
                .isNotEqualTo(7L);
    }

    @Test
    void refusesACoordinateThatDoesNotFitAWord() {
        assertThatThrownBy(() -> Philox.uniform(7, -1, 0, 0, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("coordinate must be from 0 to 4294967295, found -1");
        assertThatThrownBy(() -> Philox.uniform(7, 0, 0, 0, 1L << 32)).isInstanceOf(IllegalArgumentException.class);
    }
}
