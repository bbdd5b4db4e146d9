package org.openstrawberry.activities.ranking;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.openstrawberry.activities.ranking.Ranking.Ranked;
import org.openstrawberry.activities.ranking.Ranking.Scored;
import org.openstrawberry.config.PairOrder;

class RankingTest {
    @Test
    void fourBranchesAndTwoPairsMeetAsFirstThirdAndSecondFourth() {
        List<Ranked> pairs = Ranking.pair(branches(0.1, 0.4, 0.3, 0.2), 2, PairOrder.RANK);

        assertThat(pairs).extracting(Ranked::chosenRank).containsExactly(1, 2);
        assertThat(pairs).extracting(Ranked::rejectedRank).containsExactly(3, 4);
        assertThat(pairs).extracting(pair -> pair.chosen().branch()).containsExactly(1, 2);
        assertThat(pairs).extracting(pair -> pair.rejected().branch()).containsExactly(3, 0);
    }

    @Test
    void extremesMeetAsFirstFourthAndSecondThird() {
        List<Ranked> pairs = Ranking.pair(branches(0.1, 0.4, 0.3, 0.2), 2, PairOrder.EXTREMES);

        assertThat(pairs).extracting(Ranked::rejectedRank).containsExactly(4, 3);
    }

    @Test
    void equalRewardsKeepBranchOrder() {
        assertThat(Ranking.sort(branches(1, 0, 1, 0)))
                .extracting(Scored::branch)
                .containsExactly(0, 2, 1, 3);
    }

    @Property
    void noBranchStandsInTwoPairsAndNoChosenIsWorse(
            @ForAll @Size(max = 12) List<@DoubleRange(min = -2, max = 2) Double> rewards,
            @ForAll @IntRange(min = 1, max = 6) int perPrompt,
            @ForAll PairOrder order) {
        List<Scored> branches =
                branches(rewards.stream().mapToDouble(Double::doubleValue).toArray());
        List<Ranked> pairs = Ranking.pair(branches, perPrompt, order);

        List<Integer> used = new ArrayList<>();
        for (Ranked pair : pairs) {
            used.add(pair.chosen().branch());
            used.add(pair.rejected().branch());
            assertThat(pair.chosen().reward())
                    .isGreaterThanOrEqualTo(pair.rejected().reward());
        }
        assertThat(used).doesNotHaveDuplicates();
        assertThat(pairs).hasSize(Math.min(perPrompt, rewards.size() / 2));
    }

    private static List<Scored> branches(double... rewards) {
        List<Scored> branches = new ArrayList<>();
        for (double reward : rewards) {
            branches.add(new Scored(branches.size(), reward));
        }
        return branches;
    }
}
