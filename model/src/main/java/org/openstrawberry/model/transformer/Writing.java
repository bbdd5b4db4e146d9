package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.openstrawberry.model.kernels.Kernels;
import org.openstrawberry.model.pretrained.ModelConfig;

/**
 * Sequences under way: their keys and values, in memory allocated once and written in place, and the scores of their next
 * tokens. A prompt goes through the model once, whatever the number of its rows; rows that have ended leave the batch.
 *
 * <p>Where much would have to be copied, the rows of a prompt do not get its keys and values but share them: less memory, and at
 * each token they are read once for all of these rows.
 */
public final class Writing implements AutoCloseable {
    /** A place so far away that no window reaches it. */
    private static final long NOWHERE = -(1L << 41);

    /**
     * So many bytes of a layer's keys are worth sharing: below, joining what is found among the shared and the own ones takes
     * longer than reading copies.
     */
    public static final long WORTH_SHARING = 1_500_000;

    /** Of a row: scores, its number, the place of its token, the places of its slots, its text; then a cache or two a layer. */
    private static final int OF_A_ROW = 5;

    private final WritingWeights weights;
    private final NDManager memory;
    private final int rows;
    private final List<NDArray> spins = new ArrayList<>();
    private final long[] plan;
    private final boolean padded;
    private List<NDArray> state; // of the rows in the batch
    private List<NDArray> shared = List.of(); // lengths of texts, their keys and values; nothing where rows have copies
    private int slot;

    /**
     * What is chosen by.
     *
     * @param temperature 0 for the likeliest token
     * @param topK 0 for all
     * @param topP 1 for all
     * @param minP 0 for all
     */
    public record Choice(double temperature, int topK, double topP, double minP) {}

    /**
     * Tokens written.
     *
     * @param tokens [steps][all rows], −1 behind the end of a row
     * @param logProbs [steps][all rows], at temperature 1
     */
    public record Written(int[][] tokens, float[][] logProbs) {}

    /**
     * Reads the prompts.
     *
     * @param weights of the model
     * @param prompts at least one token each
     * @param promptOfRow for each row, the number of its prompt
     * @param newTokens most that will be written
     * @param parent manager under which the memory stands
     */
    public Writing(WritingWeights weights, List<int[]> prompts, int[] promptOfRow, int newTokens, NDManager parent) {
        this.weights = weights;
        rows = promptOfRow.length;
        memory = parent.newSubManager();
        int time = prompts.stream().mapToInt(prompt -> prompt.length).max().orElseThrow();
        int slots = time + newTokens;
        weights.decoder().requirePositions(slots - 1);
        plan = plan(weights.decoder(), slots);
        padded = prompts.stream().anyMatch(prompt -> prompt.length != time);
        spins.addAll(spins(weights.decoder(), slots, memory));
        long[] lengths = Arrays.stream(promptOfRow)
                .mapToLong(prompt -> prompts.get(prompt).length)
                .toArray();
        boolean sharing = sharing(prompts.size(), time);
        slot = sharing ? 0 : time;
        try (NDManager scratch = memory.newSubManager()) {
            List<NDArray> found = prefill(prompts, time, sharing, scratch);
            NDArray promptOf = ids(promptOfRow, scratch);
            NDArray scores =
                    Kernels.call("rows").with(found.get(0)).with(promptOf).tensor(memory);
            List<NDArray> caches = found.subList(1, found.size());
            if (sharing) {
                caches.forEach(cache -> cache.attach(memory));
                share(prompts.stream().mapToInt(prompt -> prompt.length).toArray(), caches);
                state = begun(scores, lengths, promptOfRow, 0, 0, room(newTokens));
            } else {
                List<NDArray> spread = Kernels.call("spread")
                        .with(caches)
                        .with(promptOf)
                        .with(slots)
                        .tensors(memory);
                state = begun(scores, lengths, promptOfRow, time, slots, spread);
            }
        }
    }

    private boolean sharing(int texts, int time) {
        ModelConfig config = weights.decoder().config();
        long bytes = weights.decoder().precision() == Precision.BFLOAT16 ? 2 : 4;
        return !memory.getDevice().isGpu()
                && config.attentionSoftCap().isEmpty()
                && (rows - (long) texts) * time * config.kvHeads() * config.headDim() * bytes >= WORTH_SHARING;
    }

    private void share(int[] lengths, List<NDArray> caches) {
        List<NDArray> all = new ArrayList<>();
        all.add(ids(lengths, memory));
        all.addAll(caches);
        shared = all;
    }

    private List<NDArray> room(int newTokens) {
        return Kernels.call("room")
                .with(shared.subList(1, shared.size()))
                .with(rows)
                .with(newTokens)
                .tensors(memory);
    }

    private List<NDArray> begun(
            NDArray scores, long[] lengths, int[] textOfRow, int time, int slots, List<NDArray> caches) {
        long[] all = new long[rows];
        Arrays.setAll(all, row -> row);
        List<NDArray> begun = new ArrayList<>();
        begun.add(scores);
        begun.add(Tensors.longs(memory, all, new Shape(rows)));
        begun.add(Tensors.longs(memory, lengths, new Shape(rows)));
        begun.add(slotPlaces(lengths, time, slots));
        begun.add(ids(textOfRow, memory));
        begun.addAll(caches);
        return begun;
    }

    /**
     * Goes on from texts that were read before.
     *
     * @param weights of the model
     * @param texts each as its pieces, in order; at least one
     * @param textOfRow for each row, the number of its text
     * @param newTokens most that will be written
     * @param parent manager under which the memory stands
     */
    static Writing on(
            WritingWeights weights, List<List<ReadPiece>> texts, int[] textOfRow, int newTokens, NDManager parent) {
        return new Writing(weights, texts, textOfRow, newTokens, parent.newSubManager(), true);
    }

    private Writing(
            WritingWeights weights,
            List<List<ReadPiece>> texts,
            int[] textOfRow,
            int newTokens,
            NDManager memory,
            boolean read) {
        this.weights = weights;
        this.memory = memory;
        rows = textOfRow.length;
        int[] textLengths = texts.stream()
                .mapToInt(text -> text.stream().mapToInt(ReadPiece::tokens).sum())
                .toArray();
        int time = Arrays.stream(textLengths).max().orElseThrow();
        int slots = time + newTokens;
        plan = plan(weights.decoder(), slots);
        padded = Arrays.stream(textLengths).anyMatch(length -> length != time);
        spins.addAll(spins(weights.decoder(), slots, memory));
        long[] lengths =
                Arrays.stream(textOfRow).mapToLong(text -> textLengths[text]).toArray();
        NDArray scores = ReadPiece.logits(texts, textOfRow, memory);
        boolean sharing = sharing(texts.size(), time);
        slot = sharing ? 0 : time;
        if (sharing) {
            int[] each = IntStream.range(0, texts.size()).toArray();
            share(textLengths, ReadPiece.seat(texts, each, time, true, memory));
            state = begun(scores, lengths, textOfRow, 0, 0, room(newTokens));
        } else {
            state = begun(
                    scores, lengths, textOfRow, time, slots, ReadPiece.seat(texts, textOfRow, slots, false, memory));
        }
    }

    /**
     * Ends rows.
     *
     * @param ended whether a row of all ends here
     */
    public void end(boolean[] ended) {
        int[] writing = rows();
        long[] kept = IntStream.range(0, writing.length)
                .filter(i -> !ended[writing[i]])
                .mapToLong(i -> i)
                .toArray();
        if (kept.length < writing.length) {
            List<NDArray> before = state;
            try (NDArray rest = Tensors.longs(memory, kept, new Shape(kept.length))) {
                state = Kernels.call("remain").with(before).with(rest).tensors(memory);
            }
            before.forEach(NDArray::close);
        }
    }

    private List<NDArray> prefill(List<int[]> prompts, int time, boolean sharing, NDManager scratch) {
        long[] ids = new long[prompts.size() * time];
        long[] lengths = new long[prompts.size()];
        for (int row = 0; row < prompts.size(); row++) {
            int[] prompt = prompts.get(row);
            lengths[row] = prompt.length;
            for (int t = 0; t < prompt.length; t++) {
                ids[row * time + t] = prompt[t];
            }
        }
        return model(Kernels.call("prefill")
                        .with(Tensors.longs(scratch, ids, new Shape(prompts.size(), time)))
                        .with(Tensors.longs(scratch, lengths, new Shape(lengths.length)))
                        .with(sharing))
                .tensors(scratch);
    }

    private Kernels.Call model(Kernels.Call call) {
        return model(call, weights, spins, plan);
    }

    /** Gives a kernel the model. */
    static Kernels.Call model(Kernels.Call call, WritingWeights weights, List<NDArray> spins, long[] plan) {
        ModelConfig config = weights.decoder().config();
        return call.with(weights.layers())
                .with(weights.ends())
                .with(spins)
                .with(plan)
                .with(weights.decoder().sizes())
                .with(new double[] {
                    config.norms().epsilon(),
                    1,
                    config.attentionSoftCap().orElse(0),
                    0,
                    config.embeddingScale(),
                    config.logitSoftCap().orElse(0)
                });
    }

    /** Rows that are still written. */
    public int[] rows() {
        return Arrays.stream(state.get(1).toLongArray())
                .mapToInt(Math::toIntExact)
                .toArray();
    }

    /**
     * Writes tokens, until there are as many as asked for or every row has ended.
     *
     * @param uniforms [steps][all rows]: a number in [0, 1) for each token
     * @param choice how tokens are chosen
     * @param endings tokens that end a row
     * @param banned tokens that are not chosen
     * @param last whether no more will be written
     */
    public Written write(float[][] uniforms, Choice choice, int[] endings, int[] banned, boolean last) {
        int steps = uniforms.length;
        float[] flat = new float[steps * rows];
        for (int step = 0; step < steps; step++) {
            System.arraycopy(uniforms[step], 0, flat, step * rows, rows);
        }
        List<NDArray> before = state;
        try (NDManager scratch = memory.newSubManager()) {
            Kernels.Call call = Kernels.call("write");
            before.subList(0, OF_A_ROW).forEach(call::with);
            call.with(slot)
                    .with(padded)
                    .with(before.subList(OF_A_ROW, before.size()))
                    .with(shared);
            List<NDArray> found = model(call)
                    .with(Tensors.floats(scratch, flat, new Shape(steps, rows)))
                    .with(ids(banned, scratch))
                    .with(ids(endings, scratch))
                    .with(new double[] {choice.temperature, choice.topK, choice.topP, choice.minP})
                    .with(last)
                    .tensors(memory);
            state = found.subList(2, 2 + before.size());
            shared.forEach(NDArray::close);
            shared = found.subList(2 + before.size(), found.size());
            slot += steps;
            before.forEach(NDArray::close);
            return written(found.get(0), found.get(1), steps);
        }
    }

    private Written written(NDArray tokens, NDArray logProbs, int steps) {
        long[] ids = tokens.toLongArray();
        float[] numbers = logProbs.toFloatArray();
        tokens.close();
        logProbs.close();
        int[][] tokensByStep = new int[steps][rows];
        float[][] logProbsByStep = new float[steps][];
        for (int step = 0; step < steps; step++) {
            for (int row = 0; row < rows; row++) {
                tokensByStep[step][row] = Math.toIntExact(ids[step * rows + row]);
            }
            logProbsByStep[step] = Arrays.copyOfRange(numbers, step * rows, (step + 1) * rows);
        }
        return new Written(tokensByStep, logProbsByStep);
    }

    private static NDArray ids(int[] ids, NDManager manager) {
        return Tensors.longs(manager, Arrays.stream(ids).asLongStream().toArray(), new Shape(ids.length));
    }

    /** The place of what stands in each slot of a row: its prompt, padding, its new tokens. */
    private NDArray slotPlaces(long[] lengths, int time, int slots) {
        long[] places = new long[rows * slots];
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < slots; i++) {
                places[row * slots + i] = i < lengths[row] ? i : i < time ? NOWHERE : lengths[row] + i - time;
            }
        }
        return Tensors.longs(memory, places, new Shape(rows, slots));
    }

    /** The turns of each kind of rotary positions. */
    static List<NDArray> spins(Decoder decoder, int positions, NDManager memory) {
        List<NDArray> spins = new ArrayList<>();
        decoder.ropes().forEach(rope -> spins.add(spins(new Rotary(rope), positions, memory)));
        return spins;
    }

    private static NDArray spins(Rotary rotary, int positions, NDManager memory) {
        Rotary.Table table = rotary.table(positions);
        Shape shape = new Shape(positions, rotary.dims() / 2);
        try (NDArray cosines = Tensors.floats(memory, table.cosines(), shape);
                NDArray sines = Tensors.floats(memory, table.sines(), shape)) {
            return Kernels.call("spins").with(cosines).with(sines).tensor(memory);
        }
    }

    /** For each layer its kind of rotary positions, and its window where it is ever reached. */
    static long[] plan(Decoder decoder, int slots) {
        long[] plan = new long[2 * decoder.config().layers()];
        for (int i = 0; i < plan.length / 2; i++) {
            int window = decoder.config().attention().get(i).window().orElse(slots);
            plan[2 * i] = decoder.ropeOf(i);
            plan[2 * i + 1] = window < slots ? window : 0;
        }
        return plan;
    }

    @Override
    public void close() {
        memory.close();
    }
}
