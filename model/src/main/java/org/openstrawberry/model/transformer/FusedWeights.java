package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.openstrawberry.model.pretrained.ModelConfig;

/**
 * The weights of a decoder in the form that its products want, made of the named tensors of a model directory: query, key
 * and value in one matrix, the query's rows times 1/√headDim; and the gain of a layer's norms folded into the matrices that
 * follow them (norm(x)∘g · Wᵀ = norm(x) · (W∘g)ᵀ). All of it is ordinary arithmetic on the named tensors, so gradients flow
 * back to them.
 */
public final class FusedWeights {
    /**
     * One layer.
     *
     * @param queryKeyValue float32 [(heads + 2 kvHeads) · headDim, hidden]
     * @param output float32 [hidden, heads · headDim]
     * @param gate float32 [intermediate, hidden]
     * @param up float32 [intermediate, hidden]
     * @param down float32 [hidden, intermediate]
     */
    record Layer(NDArray queryKeyValue, NDArray output, NDArray gate, NDArray up, NDArray down) {}

    private final NDArray embedding; // [vocab, hidden]
    private final List<Layer> layers;
    private final NDArray finalNorm; // [hidden]
    private final NDArray head; // [vocab, hidden]
    private final NDArray epsilon; // []
    private final NDArray minusHalf; // []

    private FusedWeights(ModelConfig config, Map<String, NDArray> weights, NDManager manager) {
        embedding = named(weights, ModelConfig.EMBEDDING);
        finalNorm = named(weights, ModelConfig.FINAL_NORM);
        head = config.tieWordEmbeddings() ? embedding : named(weights, ModelConfig.OUTPUT);
        epsilon = Tensors.scalar(manager, config.rmsNormEps());
        minusHalf = Tensors.scalar(manager, -0.5);
        layers = new ArrayList<>(config.layers());
        for (int i = 0; i < config.layers(); i++) {
            layers.add(layer(config, weights, ModelConfig.layerPrefix(i), manager));
        }
    }

    /**
     * Fuses the weights. The result holds copies: it does not follow later changes of the tensors.
     *
     * @param config of the model
     * @param weights float32 tensors by the names of the model directory
     * @param manager owner of the result's arrays
     * @return the weights as {@link Decoder} takes them, to be used no longer than the manager and the weights live
     * @throws NoSuchElementException if a tensor is missing
     */
    public static FusedWeights of(ModelConfig config, Map<String, NDArray> weights, NDManager manager) {
        return new FusedWeights(config, weights, manager);
    }

    private static Layer layer(ModelConfig config, Map<String, NDArray> weights, String prefix, NDManager manager) {
        // Some of what is made here would belong to the tensors' own manager, and stay as long as they do.
        try (NDScope temporary = new NDScope()) {
            temporary.suppressNotUsedWarning();
            NDArray scale = Tensors.scalar(manager, 1 / Math.sqrt(config.headDim()));
            NDArray query = named(weights, prefix + "self_attn.q_proj.weight");
            NDArray key = named(weights, prefix + "self_attn.k_proj.weight");
            NDArray value = named(weights, prefix + "self_attn.v_proj.weight");
            NDArray queryKeyValue = NDArrays.concat(new NDList(query.mul(scale), key, value), 0)
                    .mul(named(weights, prefix + "input_layernorm.weight"));
            NDArray norm = named(weights, prefix + "post_attention_layernorm.weight");
            return new Layer(
                    kept(queryKeyValue, manager),
                    named(weights, prefix + "self_attn.o_proj.weight"),
                    kept(named(weights, prefix + "mlp.gate_proj.weight").mul(norm), manager),
                    kept(named(weights, prefix + "mlp.up_proj.weight").mul(norm), manager),
                    named(weights, prefix + "mlp.down_proj.weight"));
        }
    }

    private static NDArray kept(NDArray array, NDManager manager) {
        NDScope.unregister(array);
        array.attach(manager);
        return array;
    }

    private static NDArray named(Map<String, NDArray> weights, String name) {
        NDArray array = weights.get(name);
        if (array == null) {
            throw new NoSuchElementException("the weights hold no tensor named " + name);
        }
        return array;
    }

    NDArray embedding() {
        return embedding;
    }

    List<Layer> layers() {
        return layers;
    }

    NDArray finalNorm() {
        return finalNorm;
    }

    NDArray head() {
        return head;
    }

    /**
     * The root-mean-square norm without its gain.
     *
     * @param x float32 [..., hidden]
     * @return x / √(mean(x²) + ε), float32 [..., hidden]
     */
    NDArray normalise(NDArray x) {
        NDArray meanSquare = x.square().mean(new int[] {-1}, true); // [..., 1]
        return x.mul(meanSquare.addi(epsilon).pow(minusHalf));
    }
}
