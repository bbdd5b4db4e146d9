package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.model.pretrained.ModelConfig;

/**
 * The keys and values of sequences under way, in memory allocated once and written in place. Each row holds a prompt,
 * padded on the right to the width of the longest, and then its new tokens, one slot for all rows at a time; a mask hides
 * the padding between the two, and a row's positions count its own tokens only.
 */
public final class KvCache implements AutoCloseable {
    private final NDManager memory;
    private final ModelConfig config;
    private final int[] promptLengths;
    private final int promptSlots;
    private final int slots;
    private final Positions positions;
    private final List<NDArray> turns; // for each kind of rotary positions: [slots, 2 · dims]
    private final Optional<NDArray> padding; // [rows · kvHeads, 1, slots], none where no prompt is padded
    private final SoftCap softCap;
    private final List<NDArray> keys = new ArrayList<>(); // a layer: [rows · kvHeads, slots, headDim]
    private final List<NDArray> values = new ArrayList<>();
    private int used;

    private KvCache(
            NDManager parent,
            ModelConfig config,
            Positions positions,
            int[] promptLengths,
            int promptSlots,
            int slots) {
        memory = parent.newSubManager();
        this.config = config;
        this.positions = positions;
        this.promptLengths = promptLengths;
        this.promptSlots = promptSlots;
        this.slots = slots;
        turns = positions.tables(slots, memory);
        padding = padding();
        softCap = SoftCap.of(config.attentionSoftCap(), memory);
        used = promptSlots;
    }

    /**
     * An empty cache for prompts, to be filled by one causal pass over them.
     *
     * @param parent manager under which the cache's memory stands
     * @param promptLengths tokens of each row's prompt
     * @param promptSlots the longest of them
     */
    static KvCache forPrompts(
            NDManager parent, ModelConfig config, Positions positions, int[] promptLengths, int promptSlots) {
        return new KvCache(parent, config, positions, promptLengths.clone(), promptSlots, promptSlots);
    }

    /**
     * A new cache that holds chosen rows of this one, each as often as it is named.
     *
     * @param rows numbers of rows of this cache
     * @param newTokens room for tokens after the prompt, not less than is used
     * @param parent manager under which the new cache's memory stands
     * @return the new cache, owned by the caller; this one stays as it is
     */
    public KvCache select(int[] rows, int newTokens, NDManager parent) {
        int[] lengths = Arrays.stream(rows).map(row -> promptLengths[row]).toArray();
        KvCache chosen = new KvCache(parent, config, positions, lengths, promptSlots, promptSlots + newTokens);
        chosen.used = used;
        try (NDScope scratch = new NDScope()) {
            scratch.suppressNotUsedWarning();
            NDArray index =
                    Tensors.longs(parent, Arrays.stream(rows).asLongStream().toArray(), new Shape(rows.length));
            keys.forEach(layer -> chosen.keys.add(chosen.filled(layer, index, rows())));
            values.forEach(layer -> chosen.values.add(chosen.filled(layer, index, rows())));
        }
        return chosen;
    }

    private NDArray filled(NDArray source, NDArray index, long sourceRows) {
        long kvHeads = config.kvHeads();
        long headDim = config.headDim();
        long sourceSlots = source.getShape().get(1);
        NDArray chosen = Tensors.rows(index, source.reshape(sourceRows, kvHeads * sourceSlots * headDim))
                .reshape(rows() * kvHeads, sourceSlots, headDim);
        if (sourceSlots == slots) {
            return kept(chosen);
        }
        NDArray wider = memory.create(new Shape(rows() * kvHeads, slots, headDim), DataType.FLOAT32);
        wider.set(new NDIndex().addAllDim().addSliceDim(0, sourceSlots).addAllDim(), chosen);
        return kept(wider);
    }

    private NDArray kept(NDArray array) {
        NDScope.unregister(array);
        array.attach(memory);
        return array;
    }

    /**
     * The number of sequences.
     *
     * @return rows in the cache
     */
    public int rows() {
        return promptLengths.length;
    }

    /**
     * The attention of the prompts' own pass, which leaves their keys and values here.
     *
     * @param causal attends
     */
    Attention recording(Attention causal) {
        return (layer, query, key, value) -> {
            keys.add(kept(CausalAttention.byHead(key).duplicate()));
            values.add(kept(CausalAttention.byHead(value).duplicate()));
            return causal.attend(layer, query, key, value);
        };
    }

    /**
     * The attention of one new token a row: it is written into the next slot and sees all that its row holds.
     *
     * @param step owner of what is needed for this token only
     */
    Attention nextToken(NDManager step) {
        NDIndex here = new NDIndex().addAllDim().addSliceDim(used, used + 1L).addAllDim();
        NDIndex soFar = new NDIndex().addAllDim().addSliceDim(0, used + 1L).addAllDim();
        NDIndex maskSoFar = new NDIndex().addAllDim().addAllDim().addSliceDim(0, used + 1L);
        Optional<NDArray> plain = padding.map(all -> all.get(step, maskSoFar)); // [rows · kvHeads, 1, used + 1]
        Map<Integer, Optional<NDArray>> byWindow = new HashMap<>();
        List<Optional<NDArray>> masks = config.attention().stream()
                .map(layer -> layer.window().isEmpty()
                        ? plain
                        : byWindow.computeIfAbsent(layer.window().getAsInt(), window -> windowed(window, plain, step)))
                .toList();
        used++;
        return (layer, query, key, value) -> {
            long heads = (long) rows() * config.kvHeads();
            long headDim = config.headDim();
            long group = config.heads() / config.kvHeads();
            keys.get(layer).set(here, key.reshape(heads, 1, headDim));
            values.get(layer).set(here, value.reshape(heads, 1, headDim));
            NDArray k = keys.get(layer).get(step, soFar); // [rows · kvHeads, used + 1, headDim]
            NDArray v = values.get(layer).get(step, soFar);
            NDArray scores = softCap.apply(query.reshape(heads, group, headDim).batchMatMul(k.swapAxes(1, 2)));
            masks.get(layer).ifPresent(scores::addi); // [rows · kvHeads, group, used + 1]
            return scores.softmax(-1).batchMatMul(v).reshape(rows(), 1, config.heads() * headDim);
        };
    }

    /** Hides padding, and what has left the window of the next token, from the layers that have one. */
    private Optional<NDArray> windowed(int window, Optional<NDArray> plain, NDManager step) {
        if (Arrays.stream(promptLengths).allMatch(length -> length + used - promptSlots < window)) {
            return plain;
        }
        int kvHeads = config.kvHeads();
        int seen = used + 1;
        float[] hidden = new float[rows() * kvHeads * seen];
        for (int row = 0; row < rows() * kvHeads; row++) {
            int length = promptLengths[row / kvHeads];
            int padded = promptSlots - length;
            // Of the row's tokens so far, the first that the next one, number length + used − promptSlots, does not
            // see.
            int gone = length + used - promptSlots - window + 1;
            int goneSlots = gone <= length ? Math.max(gone, 0) : gone + padded;
            Arrays.fill(hidden, row * seen, row * seen + goneSlots, Float.NEGATIVE_INFINITY);
            Arrays.fill(hidden, row * seen + length, row * seen + promptSlots, Float.NEGATIVE_INFINITY);
        }
        return Optional.of(Tensors.floats(step, hidden, new Shape((long) rows() * kvHeads, 1, seen)));
    }

    /**
     * Where each row's next token stands; to be taken before its attention.
     *
     * @param step owner of the result
     * @throws IllegalStateException if there is no room for another token
     */
    Positions.Places nextPlaces(NDManager step) {
        if (used == slots) {
            throw new IllegalStateException("the cache is full: it has " + slots + " slots");
        }
        long[] next = Arrays.stream(promptLengths)
                .mapToLong(length -> length + used - promptSlots)
                .toArray();
        return positions.at(next, turns, step);
    }

    private Optional<NDArray> padding() {
        if (Arrays.stream(promptLengths).allMatch(length -> length == promptSlots)) {
            return Optional.empty();
        }
        int kvHeads = config.kvHeads();
        float[] hidden = new float[rows() * kvHeads * slots];
        for (int row = 0; row < rows() * kvHeads; row++) {
            Arrays.fill(
                    hidden,
                    row * slots + promptLengths[row / kvHeads],
                    row * slots + promptSlots,
                    Float.NEGATIVE_INFINITY);
        }
        return Optional.of(Tensors.floats(memory, hidden, new Shape((long) rows() * kvHeads, 1, slots)));
    }

    @Override
    public void close() {
        memory.close();
    }
}
