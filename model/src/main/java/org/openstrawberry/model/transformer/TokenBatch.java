package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Texts that go through a model together, and the tokens that are looked at. Texts that begin with the same prompt share
 * it: it goes through the model once. All tokens stand in one list, without padding; how they are laid out for attention is
 * a function of the texts alone.
 */
public final class TokenBatch {
    /** The place of a key that nobody sees. */
    private static final long NOWHERE = 1L << 40;

    private final NDArray ids; // int64 [tokens]
    private final NDArray places; // int64 [tokens]: where in its text each token stands
    private final NDArray slots; // int64 [tokens]: where it stands among the padded prompts and rows
    private final NDArray rowPrompts; // int64 [rows]: the prompt that a row goes on from
    private final NDArray promptPlaces; // int64 [1, prompt time]
    private final NDArray rowPlaces; // int64 [rows or 1, time]
    private final NDArray keyPlaces; // int64 [rows or 1, prompt time + time]
    private final NDArray predictedAt; // int64 [targets]: the token after which each target stands
    private final NDArray targets; // int64 [targets]
    private final long[] layout;
    private final int[] targetsOfText;
    private final int longest;

    /** What follows a prompt. */
    private record Row(int prompt, int[] ids) {}

    private TokenBatch(List<int[]> prompts, List<Row> rows, List<Target> predicted, int[] targetsOfText, Sizes sizes) {
        this.targetsOfText = targetsOfText;
        int promptTime =
                prompts.stream().mapToInt(prompt -> prompt.length).max().orElseThrow();
        int time = rows.stream().mapToInt(row -> row.ids.length).max().orElse(0);
        int[] promptStarts = new int[prompts.size()];
        int[] rowStarts = new int[rows.size()];
        int tokens = 0;
        for (int i = 0; i < promptStarts.length; i++) {
            promptStarts[i] = tokens;
            tokens += prompts.get(i).length;
        }
        for (int i = 0; i < rowStarts.length; i++) {
            rowStarts[i] = tokens;
            tokens += rows.get(i).ids.length;
        }
        long[] allIds = new long[tokens];
        long[] allPlaces = new long[tokens];
        long[] allSlots = new long[tokens];
        for (int i = 0; i < promptStarts.length; i++) {
            fill(prompts.get(i), promptStarts[i], 0, (long) i * promptTime, allIds, allPlaces, allSlots, sizes.vocab);
        }
        for (int i = 0; i < rowStarts.length; i++) {
            Row row = rows.get(i);
            long slot = (long) promptStarts.length * promptTime + (long) i * time;
            fill(row.ids, rowStarts[i], prompts.get(row.prompt).length, slot, allIds, allPlaces, allSlots, sizes.vocab);
        }
        layout = new long[] {promptStarts.length, promptTime, time == 0 ? 0 : rowStarts.length, time};
        longest = Math.max(
                promptTime,
                rows.stream()
                        .mapToInt(row -> prompts.get(row.prompt).length + row.ids.length)
                        .max()
                        .orElse(0));
        NDManager manager = sizes.manager;
        ids = Tensors.longs(manager, allIds, new Shape(tokens));
        places = Tensors.longs(manager, allPlaces, new Shape(tokens));
        slots = Tensors.longs(manager, allSlots, new Shape(tokens));
        rowPrompts =
                Tensors.longs(manager, rows.stream().mapToLong(Row::prompt).toArray(), new Shape(rowStarts.length));
        promptPlaces = Tensors.longs(manager, counting(0, promptTime), new Shape(1, promptTime));
        // Where all prompts are equally long, all rows see alike.
        boolean alike = prompts.stream().allMatch(prompt -> prompt.length == promptTime);
        int[] starts = alike
                ? new int[] {promptTime}
                : rows.stream().mapToInt(row -> prompts.get(row.prompt).length).toArray();
        rowPlaces = Tensors.longs(
                manager,
                Arrays.stream(starts)
                        .mapToObj(start -> counting(start, time))
                        .flatMapToLong(Arrays::stream)
                        .toArray(),
                new Shape(starts.length, time));
        keyPlaces = Tensors.longs(
                manager,
                Arrays.stream(starts)
                        .mapToObj(start -> keys(start, promptTime, time))
                        .flatMapToLong(Arrays::stream)
                        .toArray(),
                new Shape(starts.length, promptTime + time));
        predictedAt = Tensors.longs(
                manager,
                predicted.stream()
                        .mapToLong(target -> target.row < 0
                                ? promptStarts[target.prompt] + target.place
                                : rowStarts[target.row] + target.place)
                        .toArray(),
                new Shape(predicted.size()));
        targets =
                Tensors.longs(manager, predicted.stream().mapToLong(Target::id).toArray(), new Shape(predicted.size()));
    }

    /** A token to be predicted: of a row, or of a prompt where the row is −1; place is that of the token before it. */
    private record Target(int prompt, int row, int place, int id) {}

    private record Sizes(int vocab, NDManager manager) {}

    /**
     * Prompts with completions, whose tokens are to be predicted.
     *
     * @param prompts at least one token each; equal ones are shared
     * @param completions of the prompts, in their order; at least one token each
     * @param vocab size of the vocabulary
     * @param manager owner of the batch's arrays
     * @throws IllegalArgumentException if one holds an id outside the vocabulary
     */
    public static TokenBatch of(List<int[]> prompts, List<int[]> completions, int vocab, NDManager manager) {
        Map<List<Integer>, Integer> numbers = new LinkedHashMap<>();
        List<int[]> distinct = new ArrayList<>();
        int[] promptOf = new int[prompts.size()];
        for (int i = 0; i < promptOf.length; i++) {
            int[] prompt = prompts.get(i);
            promptOf[i] = numbers.computeIfAbsent(Arrays.stream(prompt).boxed().toList(), key -> {
                distinct.add(prompt);
                return distinct.size() - 1;
            });
            require(completions.get(i), vocab);
        }
        int[] targets = completions.stream().mapToInt(ids -> ids.length).toArray();
        List<Target> predicted = new ArrayList<>();
        Sizes sizes = new Sizes(vocab, manager);
        if (distinct.size() == prompts.size()) {
            List<int[]> whole = new ArrayList<>();
            for (int i = 0; i < promptOf.length; i++) {
                int[] prompt = prompts.get(i);
                int[] completion = completions.get(i);
                int[] inputs = Arrays.copyOf(prompt, prompt.length + completion.length - 1);
                System.arraycopy(completion, 0, inputs, prompt.length, completion.length - 1);
                whole.add(inputs);
                for (int t = 0; t < completion.length; t++) {
                    predicted.add(new Target(i, -1, prompt.length - 1 + t, completion[t]));
                }
            }
            return new TokenBatch(whole, List.of(), predicted, targets, sizes);
        }
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < promptOf.length; i++) {
            int[] completion = completions.get(i);
            rows.add(new Row(promptOf[i], Arrays.copyOf(completion, completion.length - 1)));
            predicted.add(new Target(promptOf[i], -1, distinct.get(promptOf[i]).length - 1, completion[0]));
            for (int t = 1; t < completion.length; t++) {
                predicted.add(new Target(promptOf[i], i, t - 1, completion[t]));
            }
        }
        return new TokenBatch(distinct, rows, predicted, targets, sizes);
    }

    /**
     * Whole texts, each looked at in one place.
     *
     * @param texts at least one token each
     * @param places for each text, where it is looked at
     * @param vocab size of the vocabulary
     * @param manager owner of the batch's arrays
     * @throws IllegalArgumentException if a text holds an id outside the vocabulary
     */
    public static TokenBatch at(List<int[]> texts, int[] places, int vocab, NDManager manager) {
        List<Target> looked = new ArrayList<>();
        for (int i = 0; i < places.length; i++) {
            looked.add(new Target(i, -1, places[i], 0));
        }
        int[] one = new int[places.length];
        Arrays.fill(one, 1);
        return new TokenBatch(texts, List.of(), looked, one, new Sizes(vocab, manager));
    }

    private static void fill(
            int[] text, int start, int firstPlace, long firstSlot, long[] ids, long[] places, long[] slots, int vocab) {
        require(text, vocab);
        for (int t = 0; t < text.length; t++) {
            ids[start + t] = text[t];
            places[start + t] = firstPlace + t;
            slots[start + t] = firstSlot + t;
        }
    }

    private static void require(int[] text, int vocab) {
        for (int id : text) {
            if (id < 0 || id >= vocab) {
                throw new IllegalArgumentException(
                        "a sequence holds token " + id + "; the model has 0 to " + (vocab - 1));
            }
        }
    }

    private static long[] counting(long from, int count) {
        long[] numbers = new long[count];
        Arrays.setAll(numbers, i -> from + i);
        return numbers;
    }

    /**
     * The places of what a row sees. Behind its last token, which nothing there is seen by, it simply goes on; what pads
     * its prompt is nowhere.
     */
    private static long[] keys(int promptLength, int promptTime, int time) {
        long[] keys = new long[promptTime + time];
        Arrays.setAll(keys, i -> i < promptLength ? i : i < promptTime ? NOWHERE : promptLength + i - promptTime);
        return keys;
    }

    NDArray ids() {
        return ids;
    }

    NDArray places() {
        return places;
    }

    NDArray slots() {
        return slots;
    }

    NDArray rowPrompts() {
        return rowPrompts;
    }

    NDArray promptPlaces() {
        return promptPlaces;
    }

    NDArray rowPlaces() {
        return rowPlaces;
    }

    NDArray keyPlaces() {
        return keyPlaces;
    }

    NDArray predictedAt() {
        return predictedAt;
    }

    NDArray targets() {
        return targets;
    }

    /** Prompts, their padded length, rows, their padded length. */
    long[] layout() {
        return layout.clone();
    }

    /** Tokens of the longest text. */
    int longest() {
        return longest;
    }

    /** Tokens that are looked at, of all texts. */
    public int size() {
        return Math.toIntExact(targets.size());
    }

    /**
     * Parts numbers by text.
     *
     * @param perTarget one for each token that is looked at
     * @return the same by text
     */
    public float[][] byText(float[] perTarget) {
        float[][] parts = new float[targetsOfText.length][];
        int from = 0;
        for (int i = 0; i < parts.length; i++) {
            parts[i] = Arrays.copyOfRange(perTarget, from, from + targetsOfText[i]);
            from += targetsOfText[i];
        }
        return parts;
    }
}
