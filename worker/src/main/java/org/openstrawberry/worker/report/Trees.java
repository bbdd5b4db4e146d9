package org.openstrawberry.worker.report;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.TreeLine;
import org.openstrawberry.activities.store.RunLayout;

/** Trees of thoughts as {@code trees.js} draws them: some of the first, of the middle and of the last iteration. */
public final class Trees {
    private static final int PROMPTS = 4;
    private static final int STEPS = 200;
    private static final int LONGEST_TEXT = 300;
    private static final int TEXT = 400_000; // characters of all steps of a report

    private Trees() {}

    /**
     * A tree.
     *
     * @param name by which it is chosen
     * @param label the prompt
     */
    public record Tree(String name, String label, List<Node> nodes) {}

    /**
     * A step.
     *
     * @param left steps behind it that are not shown
     */
    @JsonInclude(JsonInclude.Include.NON_EMPTY)
    public record Node(
            int id,
            @JsonInclude(JsonInclude.Include.ALWAYS) Optional<Integer> parent,
            @JsonInclude(JsonInclude.Include.ALWAYS) String text,
            boolean ended,
            int visits,
            @JsonInclude(JsonInclude.Include.ALWAYS) Optional<Double> value,
            double prior,
            int left,
            List<Side> pairs) {}

    /** A pair that a step stands in. */
    public record Side(int pair, boolean chosen) {}

    static List<Tree> of(RunReading run) {
        List<Integer> all = run.iterationsWith(iteration -> RunLayout.tree(iteration, 0));
        if (all.isEmpty()) {
            return List.of();
        }
        Set<Integer> some = new TreeSet<>(List.of(all.get(0), all.get(all.size() / 2), all.get(all.size() - 1)));
        List<Tree> trees = new ArrayList<>();
        int room = TEXT;
        for (int iteration : some) {
            for (Tree tree : of(run, iteration)) {
                room -= tree.nodes().stream()
                        .mapToInt(node -> 150 + node.text().length())
                        .sum();
                if (room > 0 || trees.isEmpty()) {
                    trees.add(tree);
                }
            }
        }
        return trees;
    }

    /** Of the prompts with the most pairs of steps. */
    static List<Tree> of(RunReading run, int iteration) {
        Map<Integer, List<TreeLine>> steps = new LinkedHashMap<>();
        run.shards(shard -> RunLayout.tree(iteration, shard))
                .forEach(shard -> run.lines(shard, TreeLine.class)
                        .forEach(line -> steps.computeIfAbsent(line.prompt(), any -> new ArrayList<>())
                                .add(line)));
        Map<Integer, List<PairLine>> pairs = run.lines(RunLayout.pairs(iteration), PairLine.class).stream()
                .filter(pair -> pair.steps().isPresent())
                .collect(Collectors.groupingBy(PairLine::promptNumber));
        Map<Integer, String> prompts = run.lines(RunLayout.prompts(iteration), PromptLine.class).stream()
                .collect(Collectors.toMap(PromptLine::prompt, PromptLine::text, (one, other) -> one));
        return steps.keySet().stream()
                .sorted(Comparator.comparingInt((Integer prompt) ->
                                -pairs.getOrDefault(prompt, List.of()).size())
                        .thenComparing(Comparator.naturalOrder()))
                .limit(PROMPTS)
                .sorted()
                .map(prompt -> tree(
                        iteration,
                        prompt,
                        prompts.getOrDefault(prompt, ""),
                        steps.getOrDefault(prompt, List.of()),
                        pairs.getOrDefault(prompt, List.of())))
                .toList();
    }

    /**
     * A tree of which the most visited steps are kept, where there are too many; the one before a step is kept with it.
     *
     * @param steps by id
     */
    public static Tree tree(int iteration, int prompt, String text, List<TreeLine> steps, List<PairLine> pairs) {
        Map<Integer, List<Side>> sides = new HashMap<>();
        for (PairLine pair : pairs) {
            pair.steps().ifPresent(siblings -> {
                sides.computeIfAbsent(siblings.chosen(), any -> new ArrayList<>())
                        .add(new Side(pair.pair(), true));
                sides.computeIfAbsent(siblings.rejected(), any -> new ArrayList<>())
                        .add(new Side(pair.pair(), false));
            });
        }
        Set<Integer> kept = steps.stream()
                // No step has more visits than the one before it, and none a smaller number.
                .sorted(Comparator.comparingInt(TreeLine::visits).reversed().thenComparingInt(TreeLine::id))
                .limit(STEPS)
                .map(TreeLine::id)
                .collect(Collectors.toCollection(HashSet::new));
        Map<Integer, Integer> left = new HashMap<>();
        steps.stream()
                .filter(step -> !kept.contains(step.id()))
                .forEach(step -> step.parent().ifPresent(parent -> left.merge(parent, 1, Integer::sum)));
        List<Node> nodes = steps.stream()
                .filter(step -> kept.contains(step.id()))
                .map(step -> new Node(
                        step.id(),
                        step.parent(),
                        cut(step.text()),
                        step.ended(),
                        step.visits(),
                        step.value(),
                        step.prior(),
                        left.getOrDefault(step.id(), 0),
                        sides.getOrDefault(step.id(), List.of())))
                .toList();
        return new Tree("iteration " + iteration + ", prompt " + prompt + ": " + cut(text), cut(text), nodes);
    }

    private static String cut(String text) {
        return text.length() <= LONGEST_TEXT ? text : text.substring(0, LONGEST_TEXT) + " […]";
    }
}
