package org.openstrawberry.activities.ranking;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.IntToDoubleFunction;
import java.util.function.ToDoubleFunction;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import org.openstrawberry.config.PairsSpec;

/** Sorts the scored branches of one prompt and pairs better with worse. Pure functions. */
public final class Ranking {
    private Ranking() {}

    /**
     * A branch with its finite reward.
     *
     * @param tokens length of its completion
     */
    public record Scored(int branch, double reward, int tokens) {}

    /**
     * The k-th preferred and the k-th unpreferred branch.
     *
     * @param k from 1
     * @param chosenRank from 1
     * @param rejectedRank from 1
     */
    public record Ranked(int k, Scored chosen, int chosenRank, Scored rejected, int rejectedRank) {
        /** How much higher the preferred branch's reward is. */
        public double margin() {
            return chosen.reward() - rejected.reward();
        }
    }

    /** Best first; equal rewards keep the order in which they were given. */
    public static List<Scored> sort(List<Scored> branches) {
        return branches.stream()
                .sorted(Comparator.comparingDouble(Scored::reward).reversed())
                .toList();
    }

    /**
     * The branches whose completion no earlier one has.
     *
     * @param branches in branch order
     * @param ids tokens of a branch's completion, by its number
     */
    public static List<Scored> withoutDuplicates(List<Scored> branches, IntFunction<int[]> ids) {
        List<Scored> kept = new ArrayList<>();
        for (Scored branch : branches) {
            int[] mine = ids.apply(branch.branch());
            if (kept.stream().noneMatch(other -> Arrays.equals(mine, ids.apply(other.branch())))) {
                kept.add(branch);
            }
        }
        return kept;
    }

    /**
     * Pairs the top K of the sorted branches, K = min(perPrompt, ⌊m/2⌋) for m branches, each with another branch. In rank
     * order the k-th best meets the k-th of the bottom K as they are sorted: for four branches and two pairs (1st, 3rd)
     * and (2nd, 4th). With {@code extremes} it meets the k-th worst: (1st, 4th) and (2nd, 3rd). With
     * {@code best-vs-random} it meets one drawn from all that are not among the top K and not taken yet.
     *
     * <p>Length-matched, the branch that the order picks gives way to the one nearest in length to the preferred one, among
     * those that are not among the top K, not taken, and whose reward is at most so far from its own; never to one that
     * would undo the pair, and of equally near ones to itself first, then to the best. No branch stands in two pairs.
     *
     * @param branches with finite rewards, in branch order
     * @param spec how to pair
     * @param draws uniform in [0, 1) by k, for what is drawn
     */
    public static List<Ranked> pair(List<Scored> branches, PairsSpec spec, IntToDoubleFunction draws) {
        List<Scored> sorted = sort(branches);
        int pairs = Math.min(spec.perPrompt(), sorted.size() / 2);
        Unpreferred unpreferred = new Unpreferred(sorted, pairs, spec);
        List<Ranked> ranked = new ArrayList<>(pairs);
        for (int k = 0; k < pairs; k++) {
            Scored chosen = sorted.get(k);
            int rejected = unpreferred.take(k, chosen, draws);
            ranked.add(new Ranked(k + 1, chosen, k + 1, sorted.get(rejected), rejected + 1));
        }
        return ranked;
    }

    /**
     * The most wanted of an iteration's pairs: every prompt's first pair before any second one, the larger margin before the
     * smaller, earlier before later.
     *
     * @param formed in the order of the log
     * @param most how many to keep
     * @param k of a pair, from 1
     * @param margin difference of a pair's rewards
     * @return those kept, in the order of the log
     */
    public static <T> List<T> atMost(List<T> formed, int most, ToIntFunction<T> k, ToDoubleFunction<T> margin) {
        return IntStream.range(0, formed.size())
                .boxed()
                .sorted(Comparator.comparingInt((Integer i) -> k.applyAsInt(formed.get(i)))
                        .thenComparingDouble(i -> -margin.applyAsDouble(formed.get(i))))
                .limit(most)
                .sorted()
                .map(formed::get)
                .toList();
    }

    /** The places of the sorted branches below the top K, of which each is taken once. */
    private static final class Unpreferred {
        private final List<Scored> sorted;
        private final int pairs;
        private final PairsSpec spec;
        private final int[] place; // that the order means when it says this one
        private final boolean[] taken;

        Unpreferred(List<Scored> sorted, int pairs, PairsSpec spec) {
            this.sorted = sorted;
            this.pairs = pairs;
            this.spec = spec;
            place = IntStream.range(0, sorted.size()).toArray();
            taken = new boolean[sorted.size()];
        }

        int take(int k, Scored chosen, IntToDoubleFunction draws) {
            int wanted =
                    switch (spec.order()) {
                        case RANK -> sorted.size() - pairs + k;
                        case EXTREMES -> sorted.size() - 1 - k;
                        case BEST_VS_RANDOM -> drawn(draws.applyAsDouble(k + 1));
                    };
            spec.lengthMatched().ifPresent(tolerance -> swapForNearest(wanted, chosen, tolerance));
            taken[wanted] = true;
            return place[wanted];
        }

        private int drawn(double uniform) {
            int[] free = free();
            return free[Math.min(free.length - 1, (int) (uniform * free.length))];
        }

        private void swapForNearest(int wanted, Scored chosen, double tolerance) {
            Scored meant = sorted.get(place[wanted]);
            int nearest = wanted;
            for (int candidate : free()) {
                Scored branch = sorted.get(place[candidate]);
                boolean fits = branch.reward() == meant.reward()
                        || (Math.abs(branch.reward() - meant.reward()) <= tolerance
                                && isPair(chosen.reward() - branch.reward()));
                if (fits && distance(chosen, branch) < distance(chosen, sorted.get(place[nearest]))) {
                    nearest = candidate;
                }
            }
            int swapped = place[wanted];
            place[wanted] = place[nearest];
            place[nearest] = swapped;
        }

        private boolean isPair(double margin) {
            return margin > 0 && margin >= spec.minMargin().orElse(0.0);
        }

        private int[] free() {
            return IntStream.range(pairs, sorted.size()).filter(i -> !taken[i]).toArray();
        }

        private static int distance(Scored one, Scored other) {
            return Math.abs(one.tokens() - other.tokens());
        }
    }
}
