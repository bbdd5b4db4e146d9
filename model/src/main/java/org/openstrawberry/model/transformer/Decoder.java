package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.nn.Activation;
import java.util.Arrays;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.openstrawberry.model.pretrained.ModelConfig;

/**
 * A decoder of the Llama type (Touvron et al. 2023, arXiv 2302.13971): root-mean-square norms, rotary positions, grouped
 * query heads, SwiGLU, a tied or a free output matrix. It computes what Hugging Face's {@code LlamaForCausalLM} does.
 *
 * <p>It holds no weights and no native memory: each method is a function of the weights and ids given, and what it returns
 * belongs to the manager of the ids. Gradients flow where gradient mode is on and the weights want them.
 */
public final class Decoder {
    private final ModelConfig config;
    private final Rotary rotary;

    /**
     * A decoder of these sizes.
     *
     * @param config of the model directory
     */
    public Decoder(ModelConfig config) {
        this.config = config;
        this.rotary = new Rotary(config);
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
    public FusedWeights fuse(Map<String, NDArray> weights, NDManager manager) {
        return FusedWeights.of(config, weights, manager);
    }

    /**
     * The hidden states of whole sequences, each row from position 0, padded on the right. Padding never changes what
     * comes out for a real token; what comes out at padding means nothing.
     *
     * @param weights of the model
     * @param ids int64 [batch, time], padded with any valid id
     * @return float32 [batch, time, hidden], before the final norm
     */
    public NDArray hidden(FusedWeights weights, NDArray ids) {
        return causal(weights, ids, attention -> attention);
    }

    /**
     * An empty cache, to be filled by {@link #prefill}.
     *
     * @param promptLengths tokens of each prompt
     * @param parent manager under which the cache's memory stands
     * @return the cache, owned by the caller
     */
    public KvCache newCache(int[] promptLengths, NDManager parent) {
        int longest = Arrays.stream(promptLengths).max().orElseThrow();
        return KvCache.forPrompts(parent, config, promptLengths, longest);
    }

    /**
     * As {@link #hidden}, and leaves the prompts' keys and values in the cache.
     *
     * @param weights of the model
     * @param ids int64 [prompts, time], padded on the right to the longest prompt
     * @param cache an empty one of these prompts
     * @return float32 [prompts, time, hidden], before the final norm
     */
    public NDArray prefill(FusedWeights weights, NDArray ids, KvCache cache) {
        return causal(weights, ids, cache::recording);
    }

    /**
     * The hidden states of one more token a row, which is added to the cache.
     *
     * @param weights of the model
     * @param ids int64 [rows, 1]
     * @param cache of the rows, with room for a token
     * @return float32 [rows, 1, hidden], before the final norm
     */
    public NDArray next(FusedWeights weights, NDArray ids, KvCache cache) {
        NDManager step = ids.getManager();
        NDArray turns = cache.nextTurns(step); // [rows, 1, 2 · headDim]
        return run(weights, ids, turns, cache.nextToken(step));
    }

    /**
     * The scores of the token that follows each hidden state.
     *
     * @param weights of the model
     * @param hidden float32 [..., hidden], before the final norm
     * @return float32 [..., vocab]
     */
    public NDArray logits(FusedWeights weights, NDArray hidden) {
        NDArray normed = weights.normalise(hidden).mul(weights.finalNorm());
        return Tensors.linear(normed, weights.head());
    }

    private NDArray causal(FusedWeights weights, NDArray ids, UnaryOperator<Attention> use) {
        NDManager manager = ids.getManager();
        int time = Math.toIntExact(ids.getShape().get(1));
        NDArray turns = rotary.turns(time, manager); // [time, 2 · headDim]
        Attention attention = new CausalAttention(config.heads() / config.kvHeads(), time, manager);
        return run(weights, ids, turns, use.apply(attention));
    }

    private NDArray run(FusedWeights weights, NDArray ids, NDArray turns, Attention attention) {
        NDArray x = Tensors.rows(ids, weights.embedding()); // [batch, time, hidden]
        for (int i = 0; i < config.layers(); i++) {
            NDArray before = x;
            x = layer(weights, i, before, turns, attention);
            before.close();
        }
        return x;
    }

    private NDArray layer(FusedWeights weights, int index, NDArray x, NDArray turns, Attention attention) {
        FusedWeights.Layer layer = weights.layers().get(index);
        // Frees a layer's intermediate arrays as soon as it is through; a gradient's graph keeps what it needs itself.
        try (NDScope intermediate = new NDScope()) {
            intermediate.suppressNotUsedWarning();
            int heads = config.heads();
            int kvHeads = config.kvHeads();
            NDArray projected = Tensors.linear(weights.normalise(x), layer.queryKeyValue())
                    .reshape(x.getShape().get(0), x.getShape().get(1), heads + 2L * kvHeads, config.headDim());
            NDList queryKeyAndValue = projected.split(new long[] {heads + kvHeads}, 2);
            NDList queryAndKey = Rotary.turn(queryKeyAndValue.get(0), turns).split(new long[] {heads}, 2);
            NDArray attended = attention.attend(
                    index,
                    queryAndKey.get(0), // [batch, time, heads, headDim]
                    queryAndKey.get(1), // [batch, time, kvHeads, headDim]
                    queryKeyAndValue.get(1)); // to [batch, time, heads · headDim]
            NDArray middle = Tensors.linear(attended, layer.output()).addi(x); // [batch, time, hidden]
            NDArray normed = weights.normalise(middle);
            NDArray gate = Tensors.linear(normed, layer.gate()); // [batch, time, intermediate]
            NDArray activated = gate.mul(Activation.sigmoid(gate)).mul(Tensors.linear(normed, layer.up()));
            NDArray result = Tensors.linear(activated, layer.down()).addi(middle); // [batch, time, hidden]
            NDScope.unregister(result);
            return result;
        }
    }
}
