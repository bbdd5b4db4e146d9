package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.openstrawberry.model.kernels.Kernels;
import org.openstrawberry.model.pretrained.ModelConfig;

/**
 * Weights for the writing of tokens: query, key and value in one matrix, the queries' rows times the scale of attention; the
 * gain of root-mean-square norms in the matrices behind them; the two halves of a rotary pair beside each other; and on a
 * CPU, all matrices in the layout of oneDNN's products.
 */
public final class WritingWeights implements AutoCloseable {
    /** About so many rows are computed at a time; the layout depends on it, what is computed does not. */
    private static final int ROWS = 64;

    private final Decoder decoder;
    private final NDManager owner;
    private final List<NDArray> layers = new ArrayList<>();
    private final List<NDArray> ends = new ArrayList<>(); // embedding, positions, gain and bias of the final norm, head

    WritingWeights(Decoder decoder, Map<String, NDArray> named, NDManager parent) {
        this.decoder = decoder;
        owner = parent.newSubManager();
        ModelConfig config = decoder.config();
        boolean half = decoder.precision() == Precision.BFLOAT16;
        boolean packed = Packing.supported(owner);
        try (NDManager scratch = owner.newSubManager()) {
            ModelTensors plain = ModelTensors.weights(config, named, Precision.FLOAT32, scratch);
            for (int i = 0; i < config.layers(); i++) {
                long[] order = order(config, i);
                layers.addAll(Kernels.call("for_writing")
                        .with(plain.layer(i))
                        .with(Tensors.longs(scratch, order, new Shape(order.length)))
                        .with(scales(config, order, scratch))
                        .with(half)
                        .with(packed)
                        .with(ROWS)
                        .tensors(owner));
            }
            ends.add(alias(plain.embedding()));
            ends.add(alias(plain.positions()));
            ends.addAll(Kernels.call("head_for_writing")
                    .with(plain.ends())
                    .with(half)
                    .with(packed)
                    .with(ROWS)
                    .tensors(owner));
        }
    }

    /** The same memory, which lives as long as this does. */
    private NDArray alias(NDArray tensor) {
        return Kernels.call("cast").with(tensor).with(false).tensor(owner);
    }

    /** A manager for what is written with these weights: closed by the caller or with them. */
    public NDManager newSubManager() {
        return owner.newSubManager();
    }

    Decoder decoder() {
        return decoder;
    }

    List<NDArray> layers() {
        return layers;
    }

    List<NDArray> ends() {
        return ends;
    }

    /**
     * The rows of queries, keys and values in their new order: the queries of a key head, their key, the next ones; then the
     * values. The two halves of each rotary pair of a query or key stand beside each other.
     */
    private static long[] order(ModelConfig config, int layer) {
        int dim = config.headDim();
        int group = config.heads() / config.kvHeads();
        int turned =
                config.attention().get(layer).rope().map(rope -> rope.dims()).orElse(0);
        long[] order = new long[(config.heads() + 2 * config.kvHeads()) * dim];
        Arrays.setAll(order, row -> {
            int head = row / dim;
            int place = row % dim;
            if (head >= config.heads() + config.kvHeads()) {
                return row;
            }
            int kvHead = head / (group + 1);
            int member = head % (group + 1);
            int from = member < group ? kvHead * group + member : config.heads() + kvHead;
            return from * dim + (place >= turned ? place : place / 2 + (place % 2) * (turned / 2));
        });
        return order;
    }

    /** What each row is multiplied by: the scale of attention if it is a query's. */
    private static NDArray scales(ModelConfig config, long[] order, NDManager manager) {
        float[] scales = new float[order.length];
        for (int row = 0; row < scales.length; row++) {
            boolean query = order[row] < (long) config.heads() * config.headDim();
            scales[row] = query ? (float) config.attentionScale() : 1;
        }
        return Tensors.floats(manager, scales, new Shape(scales.length));
    }

    @Override
    public void close() {
        owner.close();
    }
}
