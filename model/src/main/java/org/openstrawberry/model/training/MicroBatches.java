package org.openstrawberry.model.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Parts a batch into micro-batches of items of like length. The plan is a function of the texts alone, and the order of
 * the micro-batches is the order in which their gradients are added.
 */
public final class MicroBatches {
    private MicroBatches() {}

    /**
     * What goes through the model together or not at all.
     *
     * @param prompt number of the prompt, equal for items that share it
     * @param promptLength its tokens
     * @param rows what goes on from it
     * @param longest tokens of the longest of those
     */
    private record Item(int prompt, int promptLength, int rows, int longest) {}

    /**
     * Longest first, items of equal length in their own order; a micro-batch is closed when one more item would make it
     * larger than the budget, padding counted. An item larger than the budget stands alone.
     *
     * @param lengths tokens a row of each item
     * @param rowsEach rows of an item
     * @param tokens budget, padding counted
     * @return indices of the items by micro-batch; each index stands exactly once
     */
    public static List<List<Integer>> plan(int[] lengths, int rowsEach, int tokens) {
        List<Item> items = new ArrayList<>();
        for (int i = 0; i < lengths.length; i++) {
            items.add(new Item(i, lengths[i], rowsEach - 1, lengths[i]));
        }
        return plan(items, tokens);
    }

    /**
     * Sequences that share a prompt stand together, for it goes through the model once a micro-batch.
     *
     * @param sequences any number
     * @param tokens budget, padding counted
     * @return indices of the sequences by micro-batch; each index stands exactly once
     */
    static List<List<Integer>> ofSequences(List<Sequence> sequences, int tokens) {
        Map<List<Integer>, Integer> numbers = new HashMap<>();
        return plan(
                sequences.stream()
                        .map(sequence -> new Item(
                                number(numbers, sequence.promptIds()),
                                sequence.promptIds().length,
                                1,
                                sequence.completionIds().length - 1))
                        .toList(),
                tokens);
    }

    /** As {@link #ofSequences}, of pairs, whose two completions stand together. */
    static List<List<Integer>> ofPairs(List<PreferencePair> pairs, int tokens) {
        Map<List<Integer>, Integer> numbers = new HashMap<>();
        return plan(
                pairs.stream()
                        .map(pair -> new Item(
                                number(numbers, pair.promptIds()),
                                pair.promptIds().length,
                                2,
                                Math.max(pair.chosenIds().length, pair.rejectedIds().length) - 1))
                        .toList(),
                tokens);
    }

    private static int number(Map<List<Integer>, Integer> numbers, int[] prompt) {
        return numbers.computeIfAbsent(Arrays.stream(prompt).boxed().toList(), key -> numbers.size());
    }

    private static List<List<Integer>> plan(List<Item> items, int tokens) {
        if (tokens < 1) {
            throw new IllegalArgumentException("micro-batch tokens must be at least 1, found " + tokens);
        }
        Map<Integer, Integer> longestOfPrompt = new HashMap<>();
        items.forEach(item -> longestOfPrompt.merge(item.prompt, item.promptLength + item.longest, Math::max));
        List<Integer> longestFirst = IntStream.range(0, items.size())
                .boxed()
                .sorted(Comparator.<Integer>comparingInt(i -> -longestOfPrompt.getOrDefault(items.get(i).prompt, 0))
                        .thenComparingInt(i -> items.get(i).prompt))
                .toList();
        List<List<Integer>> plan = new ArrayList<>();
        Open open = new Open();
        for (int item : longestFirst) {
            Open more = open.with(items.get(item));
            if (plan.isEmpty() || more.slots() > tokens) {
                plan.add(new ArrayList<>());
                more = new Open().with(items.get(item));
            }
            open = more;
            plan.get(plan.size() - 1).add(item);
        }
        return plan;
    }

    /** A micro-batch that is still filled: items of equal prompts follow each other. */
    private record Open(int lastPrompt, long prompts, long promptTime, long rows, long time) {
        Open() {
            this(-1, 0, 0, 0, 0);
        }

        Open with(Item item) {
            return new Open(
                    item.prompt,
                    prompts + (item.prompt == lastPrompt ? 0 : 1),
                    Math.max(promptTime, item.promptLength),
                    rows + item.rows,
                    Math.max(time, item.longest));
        }

        long slots() {
            return prompts * promptTime + rows * time;
        }
    }
}
