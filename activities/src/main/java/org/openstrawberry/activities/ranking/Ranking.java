package org.openstrawberry.activities.ranking;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.openstrawberry.config.PairOrder;

/** Sorts the scored branches of one prompt and pairs the best with the worst. Pure functions. */
public final class Ranking {
    private Ranking() {}

    /** A branch with its finite reward. */
    public record Scored(int branch, double reward) {}

    /**
     * The k-th preferred and the k-th unpreferred branch.
     *
     * @param k from 1
     * @param chosenRank from 1
     * @param rejectedRank from 1
     */
    public record Ranked(int k, Scored chosen, int chosenRank, Scored rejected, int rejectedRank) {}

    /** Best first; equal rewards keep the order in which they were given. */
    public static List<Scored> sort(List<Scored> branches) {
        return branches.stream()
                .sorted(Comparator.comparingDouble(Scored::reward).reversed())
                .toList();
    }

    /**
     * Pairs the top K with the bottom K of the sorted branches, K = min(perPrompt, ⌊m/2⌋) for m branches. In rank order
     * the k-th best meets the k-th of the bottom K as they are sorted: for four branches and two pairs (1st, 3rd) and
     * (2nd, 4th). With {@code extremes} it meets the k-th worst: (1st, 4th) and (2nd, 3rd).
     *
     * @param branches with finite rewards, in branch order
     * @param perPrompt pairs wanted, at least 1
     */
    public static List<Ranked> pair(List<Scored> branches, int perPrompt, PairOrder order) {
        List<Scored> sorted = sort(branches);
        int pairs = Math.min(perPrompt, sorted.size() / 2);
        int bottom = sorted.size() - pairs;
        List<Ranked> ranked = new ArrayList<>(pairs);
        for (int k = 0; k < pairs; k++) {
            int rejected =
                    switch (order) {
                        case RANK -> bottom + k;
                        case EXTREMES -> sorted.size() - 1 - k;
                    };
            ranked.add(new Ranked(k + 1, sorted.get(k), k + 1, sorted.get(rejected), rejected + 1));
        }
        return ranked;
    }
}
