package org.openstrawberry.activities.ranking;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.openstrawberry.activities.ranking.Ranking.Ranked;
import org.openstrawberry.activities.ranking.Ranking.Scored;
import org.openstrawberry.config.PairOrder;
import org.openstrawberry.config.PairsSpec;
import org.openstrawberry.model.Philox;

class RankingTest {
    private static final IntToDoubleFunction NOT_DRAWN = k -> {
        throw new AssertionError("nothing is drawn");
    };

    @Test
    void fourBranchesAndTwoPairsMeetAsFirstThirdAndSecondFourth() {
        List<Ranked> pairs = Ranking.pair(branches(0.1, 0.4, 0.3, 0.2), PairsSpec.of(2, PairOrder.RANK), NOT_DRAWN);

        assertThat(pairs).extracting(Ranked::chosenRank).containsExactly(1, 2);
        assertThat(pairs).extracting(Ranked::rejectedRank).containsExactly(3, 4);
        assertThat(pairs).extracting(pair -> pair.chosen().branch()).containsExactly(1, 2);
        assertThat(pairs).extracting(pair -> pair.rejected().branch()).containsExactly(3, 0);
    }

    @Test
    void extremesMeetAsFirstFourthAndSecondThird() {
        List<Ranked> pairs = Ranking.pair(branches(0.1, 0.4, 0.3, 0.2), PairsSpec.of(2, PairOrder.EXTREMES), NOT_DRAWN);

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
            @ForAll("branches") List<Scored> branches,
            @ForAll @IntRange(min = 1, max = 6) int perPrompt,
            @ForAll PairOrder order,
            @ForAll("tolerances") Optional<Double> lengthMatched,
            @ForAll @IntRange(min = 0, max = 1000) int seed) {
        List<Ranked> pairs = Ranking.pair(branches, spec(perPrompt, order, lengthMatched), draws(seed));

        List<Integer> used = new ArrayList<>();
        for (Ranked pair : pairs) {
            used.add(pair.chosen().branch());
            used.add(pair.rejected().branch());
            assertThat(pair.margin()).isNotNegative();
            assertThat(Ranking.sort(branches).get(pair.rejectedRank() - 1)).isEqualTo(pair.rejected());
        }
        assertThat(used).doesNotHaveDuplicates();
        assertThat(pairs).hasSize(Math.min(perPrompt, branches.size() / 2));
        assertThat(pairs).extracting(Ranked::chosenRank).containsExactlyElementsOf(firstNumbers(pairs.size()));
    }

    @Property
    void lengthsChangeNoRewardOfAPairWhereNoneMayBeGivenUp(
            @ForAll("branches") List<Scored> branches,
            @ForAll @IntRange(min = 1, max = 6) int perPrompt,
            @ForAll PairOrder order) {
        List<Ranked> plain = Ranking.pair(branches, spec(perPrompt, order, Optional.empty()), draws(1));
        List<Ranked> matched = Ranking.pair(branches, spec(perPrompt, order, Optional.of(0.0)), draws(1));

        if (order != PairOrder.BEST_VS_RANDOM) {
            assertThat(matched)
                    .extracting(Ranked::margin)
                    .containsExactlyElementsOf(
                            plain.stream().map(Ranked::margin).toList());
        }
        plain.stream()
                .findFirst()
                .ifPresent(first ->
                        assertThat(lengthDifference(matched.get(0))).isLessThanOrEqualTo(lengthDifference(first)));
    }

    @Property
    void likeLengthsNeverUndoAPairNorGiveUpMoreThanAllowed(
            @ForAll("branches") List<Scored> branches, @ForAll PairOrder order) {
        Ranked plain = first(Ranking.pair(branches, spec(1, order, Optional.empty()), draws(3)));
        Ranked matched = first(Ranking.pair(branches, spec(1, order, Optional.of(0.5)), draws(3)));

        assertThat(plain.margin() > 0 && matched.margin() == 0).isFalse();
        assertThat(Math.abs(matched.rejected().reward() - plain.rejected().reward()))
                .isLessThanOrEqualTo(0.5);
    }

    @Test
    void ofTheWorstTheOneOfLikeLengthIsTaken() {
        List<Scored> branches =
                List.of(new Scored(0, 1, 12), new Scored(1, 0, 30), new Scored(2, 0, 13), new Scored(3, 0, 5));

        List<Ranked> pairs = Ranking.pair(branches, spec(1, PairOrder.RANK, Optional.of(0.0)), NOT_DRAWN);

        assertThat(pairs).extracting(pair -> pair.rejected().branch()).containsExactly(2);
        assertThat(pairs).extracting(Ranked::rejectedRank).containsExactly(3);
    }

    @Property
    void theBestMeetsOneDrawnFromTheOthers(
            @ForAll("branches") List<Scored> branches,
            @ForAll @IntRange(min = 1, max = 6) int perPrompt,
            @ForAll @IntRange(min = 0, max = 1000) int seed) {
        PairsSpec spec = PairsSpec.of(perPrompt, PairOrder.BEST_VS_RANDOM);
        List<Ranked> pairs = Ranking.pair(branches, spec, draws(seed));

        assertThat(pairs).allMatch(pair -> pair.rejectedRank() > pairs.size());
        assertThat(Ranking.pair(branches, spec, draws(seed))).isEqualTo(pairs);
    }

    @Test
    void everyOtherBranchCanBeDrawn() {
        List<Scored> branches = branches(5, 4, 3, 2, 1);
        Set<Integer> drawn = new TreeSet<>();
        for (double uniform : new double[] {0, 0.3, 0.6, 0.99}) {
            Ranking.pair(branches, PairsSpec.of(1, PairOrder.BEST_VS_RANDOM), k -> uniform)
                    .forEach(pair -> drawn.add(pair.rejectedRank()));
        }
        assertThat(drawn).containsExactly(2, 3, 4, 5);
    }

    @Test
    void anEqualCompletionCountsOnce() {
        int[][] ids = {{1, 2}, {3}, {1, 2}, {1}, {3}};

        assertThat(Ranking.withoutDuplicates(branches(0, 1, 0, 0.5, 1), branch -> ids[branch]))
                .extracting(Scored::branch)
                .containsExactly(0, 1, 3);
    }

    @Property
    void theMostWantedPairsAreKeptInTheirOrder(
            @ForAll @Size(max = 12) List<@IntRange(min = 1, max = 3) Integer> ks,
            @ForAll @IntRange(min = 1, max = 12) int most) {
        List<Candidate> formed = new ArrayList<>();
        for (int k : ks) {
            formed.add(new Candidate(formed.size(), k, (formed.size() * 7) % 5));
        }
        List<Candidate> kept = Ranking.atMost(formed, most, Candidate::k, Candidate::margin);

        assertThat(kept).hasSize(Math.min(most, formed.size())).isSubsetOf(formed);
        assertThat(kept).extracting(Candidate::number).isSorted();
        List<Candidate> left =
                formed.stream().filter(pair -> !kept.contains(pair)).toList();
        for (Candidate in : kept) {
            for (Candidate out : left) {
                assertThat(in.k() < out.k() || (in.k() == out.k() && in.margin() >= out.margin()))
                        .isTrue();
            }
        }
    }

    private record Candidate(int number, int k, double margin) {}

    @Provide
    Arbitrary<List<Scored>> branches() {
        Arbitrary<Double> rewards = Arbitraries.of(-1.0, 0.0, 0.25, 0.5, 1.0);
        Arbitrary<Integer> lengths = Arbitraries.integers().between(1, 20);
        return Combinators.combine(rewards, lengths)
                .as((reward, tokens) -> new Scored(0, reward, tokens))
                .list()
                .ofMinSize(2)
                .ofMaxSize(12)
                .map(list -> IntStream.range(0, list.size())
                        .mapToObj(i ->
                                new Scored(i, list.get(i).reward(), list.get(i).tokens()))
                        .toList());
    }

    @Provide
    Arbitrary<Optional<Double>> tolerances() {
        return Arbitraries.of(Optional.empty(), Optional.of(0.0), Optional.of(0.3), Optional.of(5.0));
    }

    private static PairsSpec spec(int perPrompt, PairOrder order, Optional<Double> lengthMatched) {
        return new PairsSpec(perPrompt, order, Optional.empty(), false, lengthMatched, Optional.empty());
    }

    private static IntToDoubleFunction draws(int seed) {
        return k -> Philox.uniform(seed, 0, 0, k, 0);
    }

    private static int lengthDifference(Ranked pair) {
        return Math.abs(pair.chosen().tokens() - pair.rejected().tokens());
    }

    private static Ranked first(List<Ranked> pairs) {
        return pairs.get(0);
    }

    private static List<Integer> firstNumbers(int count) {
        return IntStream.rangeClosed(1, count).boxed().toList();
    }

    private static List<Scored> branches(double... rewards) {
        List<Scored> branches = new ArrayList<>();
        for (double reward : rewards) {
            branches.add(new Scored(branches.size(), reward, 1));
        }
        return branches;
    }
}
