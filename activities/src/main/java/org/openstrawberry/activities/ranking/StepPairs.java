package org.openstrawberry.activities.ranking;

import com.google.common.primitives.Ints;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.TreeLine;
import org.openstrawberry.activities.ranking.Ranking.Ranked;
import org.openstrawberry.activities.ranking.Ranking.Scored;
import org.openstrawberry.config.TreeSpec.PairWeights;

/** Pairs of steps that follow the same one. What they share acts as the prompt: only their own tokens are learnt from. */
final class StepPairs {
    private StepPairs() {}

    /** The steps that follow each step, where there are any, in the order of the steps. */
    static Collection<List<TreeLine>> families(List<TreeLine> steps) {
        TreeMap<Integer, List<TreeLine>> families = new TreeMap<>();
        for (TreeLine step : steps) {
            step.parent()
                    .ifPresent(parent -> families.computeIfAbsent(parent, any -> new ArrayList<>())
                            .add(step));
        }
        return families.values();
    }

    /**
     * A pair of steps.
     *
     * @param pair its number among the prompt's pairs, from 1
     * @param ranked by their ids
     * @param steps all of the prompt, by id
     */
    static PairLine line(PromptLine prompt, int pair, Ranked ranked, List<TreeLine> steps) {
        TreeLine chosen = steps.get(ranked.chosen().branch());
        TreeLine rejected = steps.get(ranked.rejected().branch());
        int parent = chosen.parent().orElseThrow();
        int[] before = path(steps, parent);
        return new PairLine(
                prompt.iteration(),
                prompt.prompt(),
                pair,
                prompt.text() + text(steps, parent),
                chosen.text(),
                rejected.text(),
                ranked.chosen().reward(),
                ranked.rejected().reward(),
                ranked.chosenRank(),
                ranked.rejectedRank(),
                firstThought(steps, chosen.id()),
                firstThought(steps, rejected.id()),
                Ints.concat(prompt.ids(), before),
                chosen.tokens(),
                rejected.tokens(),
                Optional.of(chosen.logprobs()),
                Optional.of(rejected.logprobs()),
                Optional.of(new PairLine.Steps(parent, chosen.id(), rejected.id(), chosen.visits(), rejected.visits())),
                Optional.empty());
    }

    /**
     * The best of some siblings with each of the others: the most visited first, those of the same value as the best last.
     * Of equally good ones the most visited is the best.
     *
     * @param most pairs
     * @param visits by id
     */
    static List<Ranked> best(List<Scored> siblings, int most, IntUnaryOperator visits) {
        List<Scored> sorted = siblings.stream()
                .sorted(Comparator.comparingDouble(Scored::reward)
                        .thenComparingInt(step -> visits.applyAsInt(step.branch()))
                        .reversed())
                .toList();
        if (sorted.size() < 2) {
            return List.of();
        }
        Scored best = sorted.get(0);
        List<Scored> others = sorted.stream()
                .skip(1)
                .sorted(Comparator.comparing((Scored step) -> step.reward() == best.reward())
                        .thenComparing(step -> -visits.applyAsInt(step.branch())))
                .limit(most)
                .toList();
        return IntStream.range(0, others.size())
                .mapToObj(k -> new Ranked(k + 1, best, 1, others.get(k), sorted.indexOf(others.get(k)) + 1))
                .toList();
    }

    /** The same pairs, each of steps counting by its visits, so that they count as one on average. */
    static List<PairLine> weighted(List<PairLine> pairs, PairWeights weights) {
        double mean = pairs.stream()
                .flatMap(pair -> pair.steps().stream())
                .mapToInt(steps -> visits(steps, weights))
                .average()
                .orElse(1);
        return pairs.stream()
                .map(pair -> pair.weighing(pair.steps().map(steps -> visits(steps, weights) / mean)))
                .toList();
    }

    private static int visits(PairLine.Steps steps, PairWeights weights) {
        return weights == PairWeights.FEWER_VISITS
                ? Math.min(steps.chosenVisits(), steps.rejectedVisits())
                : steps.chosenVisits() + steps.rejectedVisits();
    }

    /** The tokens from the root to a step's end. */
    private static int[] path(List<TreeLine> steps, int id) {
        TreeLine step = steps.get(id);
        return Ints.concat(step.parent().map(parent -> path(steps, parent)).orElse(new int[0]), step.tokens());
    }

    /** The text from the root to a step's end. */
    private static String text(List<TreeLine> steps, int id) {
        TreeLine step = steps.get(id);
        return step.parent().map(parent -> text(steps, parent)).orElse("") + step.text();
    }

    /** The number of the first thought that went through a step. */
    private static int firstThought(List<TreeLine> steps, int id) {
        int first = steps.get(id).branches().stream()
                .mapToInt(branch -> branch)
                .min()
                .orElse(Integer.MAX_VALUE);
        for (TreeLine step : steps) {
            if (step.parent().filter(parent -> parent == id).isPresent()) {
                first = Math.min(first, firstThought(steps, step.id()));
            }
        }
        return first;
    }
}
