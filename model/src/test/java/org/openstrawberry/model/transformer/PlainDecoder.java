package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.openstrawberry.model.pretrained.ModelConfig;

/**
 * What {@link Decoder} computes, written on NDArrays as it would be on paper, so that PyTorch's own gradients can be taken of
 * it.
 */
public final class PlainDecoder {
    private final ModelConfig config;
    private final PlainPositions positions;

    /**
     * A decoder of these sizes.
     *
     * @param config of the model directory
     */
    public PlainDecoder(ModelConfig config) {
        this.config = config;
        this.positions = new PlainPositions(config);
    }

    /**
     * The sizes.
     *
     * @return the configuration it was made with
     */
    public ModelConfig config() {
        return config;
    }

    /**
     * Prepares weights for the other methods; once for many calls, or inside the stretch that gradients are collected of.
     *
     * @param weights float32 tensors by the names of the model directory
     * @param manager owner of the copies made
     * @return the weights as the other methods take them
     */
    public PlainWeights fuse(Map<String, NDArray> weights, NDManager manager) {
        return PlainWeights.of(config, weights, manager);
    }

    /**
     * The hidden states of whole sequences, each row from position 0, padded on the right. Padding never changes what
     * comes out for a real token; what comes out at padding means nothing.
     *
     * @param weights of the model
     * @param ids int64 [batch, time], padded with any valid id
     * @return float32 [batch, time, hidden], before the final norm
     */
    public NDArray hidden(PlainWeights weights, NDArray ids) {
        return causal(weights, ids, attention -> attention);
    }

    /**
     * The pass of {@link #hidden} a layer at a time, for those who keep what goes into a layer and compute it once more.
     *
     * @param weights of the model
     * @param ids int64 [batch, time], padded with any valid id
     * @return its arrays belong to the manager of the ids
     */
    public LayerPass byLayer(PlainWeights weights, NDArray ids) {
        return new LayerPass(weights, ids, attention -> attention);
    }

    /** A causal pass over whole sequences. */
    public final class LayerPass {
        private final PlainWeights weights;
        private final NDArray ids;
        private final PlainPositions.Places places;
        private final Attention attention;

        private LayerPass(PlainWeights weights, NDArray ids, UnaryOperator<Attention> use) {
            this.weights = weights;
            this.ids = ids;
            int time = Math.toIntExact(ids.getShape().get(1));
            places = positions.upTo(time, ids.getManager());
            attention = use.apply(new CausalAttention(config, time, ids.getManager()));
        }

        /**
         * What goes into the first layer.
         *
         * @return float32 [batch, time, hidden]
         */
        public NDArray embedded() {
            return PlainDecoder.embedded(weights, ids, places);
        }

        /**
         * What comes out of a layer.
         *
         * @param index of the layer, from 0
         * @param x float32 [batch, time, hidden], what goes in
         * @return float32 [batch, time, hidden]
         */
        public NDArray layer(int index, NDArray x) {
            return PlainDecoder.this.layer(weights, index, x, places, attention);
        }
    }

    /**
     * The scores that the model's head gives each hidden state: of the token that follows, or a classifier's.
     *
     * @param weights of the model
     * @param hidden float32 [..., hidden], before the final norm
     * @return float32 [..., vocab] or [..., labels]
     */
    public NDArray logits(PlainWeights weights, NDArray hidden) {
        return weights.logitSoftCap()
                .apply(PlainTensors.linear(weights.finalNorm().apply(hidden), weights.head()));
    }

    private NDArray causal(PlainWeights weights, NDArray ids, UnaryOperator<Attention> use) {
        LayerPass pass = new LayerPass(weights, ids, use);
        return run(weights, ids, pass.places, pass.attention);
    }

    private NDArray run(PlainWeights weights, NDArray ids, PlainPositions.Places places, Attention attention) {
        NDArray x = embedded(weights, ids, places); // [batch, time, hidden]
        for (int i = 0; i < config.layers(); i++) {
            NDArray before = x;
            x = layer(weights, i, before, places, attention);
            before.close();
        }
        return x;
    }

    private static NDArray embedded(PlainWeights weights, NDArray ids, PlainPositions.Places places) {
        NDArray x = PlainTensors.rows(ids, weights.embedding());
        if (weights.embeddingScale().isPresent()) {
            x = x.mul(weights.embeddingScale().get());
        }
        if (weights.positions().isPresent()) {
            x = x.add(PlainTensors.rows(
                    places.places().orElseThrow(), weights.positions().get()));
        }
        return x;
    }

    private NDArray layer(
            PlainWeights weights, int index, NDArray x, PlainPositions.Places places, Attention attention) {
        PlainWeights.Layer layer = weights.layers().get(index);
        // Frees a layer's intermediate arrays as soon as it is through; a gradient's graph keeps what it needs itself.
        try (NDScope intermediate = new NDScope()) {
            intermediate.suppressNotUsedWarning();
            NDArray attended = attended(layer, index, x, places, attention);
            NDArray middle = after(layer.afterAttention(), attended).addi(x); // [batch, time, hidden]
            NDArray fed = fed(weights, layer, layer.feedForwardNorm().apply(middle));
            NDArray result = after(layer.afterFeedForward(), fed).addi(middle); // [batch, time, hidden]
            NDScope.unregister(result);
            return result;
        }
    }

    private NDArray attended(
            PlainWeights.Layer layer, int index, NDArray x, PlainPositions.Places places, Attention attention) {
        int heads = config.heads();
        int kvHeads = config.kvHeads();
        NDArray projected = layer.queryKeyValue()
                .apply(layer.attentionNorm().apply(x))
                .reshape(x.getShape().get(0), x.getShape().get(1), heads + 2L * kvHeads, config.headDim());
        NDList queryKeyAndValue = projected.split(new long[] {heads + kvHeads}, 2);
        NDArray plain = after(layer.queryAndKeyNorm(), queryKeyAndValue.get(0));
        NDList queryAndKey = positions.turn(index, plain, places).split(new long[] {heads}, 2);
        return layer.output()
                .apply(attention.attend(
                        index,
                        queryAndKey.get(0), // [batch, time, heads, headDim]
                        queryAndKey.get(1), // [batch, time, kvHeads, headDim]
                        queryKeyAndValue.get(1))); // to [batch, time, heads · headDim]
    }

    private static NDArray fed(PlainWeights weights, PlainWeights.Layer layer, NDArray normed) {
        if (layer.gate().isEmpty()) {
            return layer.down().apply(weights.activation().apply(layer.up().apply(normed)));
        }
        NDArray gate = layer.gate().get().apply(normed); // [batch, time, intermediate]
        return layer.down()
                .apply(weights.activation().apply(gate).mul(layer.up().apply(normed)));
    }

    private static NDArray after(Optional<Norm> norm, NDArray x) {
        return norm.map(some -> some.apply(x)).orElse(x);
    }
}
