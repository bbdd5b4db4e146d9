package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.openstrawberry.model.pretrained.LayerAttention;
import org.openstrawberry.model.pretrained.LoraConfig;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Rope;

/**
 * A decoder-only transformer (Vaswani et al. 2017, arXiv 1706.03762; with norms before its parts): layers of attention and
 * feed-forward parts on a residual stream. What a family of models does in its own way is said by the configuration; it
 * computes what Hugging Face's transformers does. The arithmetic stands in {@link org.openstrawberry.model.kernels}.
 *
 * <p>It holds no weights and no native memory.
 */
public final class Decoder {
    private final ModelConfig config;
    private final Precision precision;
    private final List<Rope> ropes; // those that differ
    private final int[] ropeOfLayer;

    /**
     * A decoder of these sizes, in float32.
     *
     * @param config of the model directory
     */
    public Decoder(ModelConfig config) {
        this(config, Precision.FLOAT32);
    }

    /**
     * A decoder of these sizes.
     *
     * @param config of the model directory
     * @param precision of products
     */
    public Decoder(ModelConfig config, Precision precision) {
        this.config = config;
        this.precision = precision;
        ropes = config.attention().stream()
                .flatMap(layer -> layer.rope().stream())
                .distinct()
                .toList();
        ropeOfLayer = config.attention().stream()
                .map(LayerAttention::rope)
                .mapToInt(rope -> rope.map(ropes::indexOf).orElse(-1))
                .toArray();
    }

    /** The sizes. */
    public ModelConfig config() {
        return config;
    }

    /** What products are computed in. */
    public Precision precision() {
        return precision;
    }

    /**
     * Puts weights in order for passes over texts. In float32 they are the named tensors themselves, but for a few vectors.
     *
     * @param weights float32 tensors by the names of the model directory
     * @param owner of what is made
     * @return to be used no longer than the owner and the weights live; in bfloat16 it does not follow their changes
     * @throws NoSuchElementException if a tensor is missing
     */
    public ModelTensors weights(Map<String, NDArray> weights, NDManager owner) {
        return ModelTensors.weights(config, weights, precision, owner);
    }

    /**
     * Puts the places where gradients are added up in order.
     *
     * @param gradients float32 tensors by the names of the weights; of those that are missing, none are computed
     * @param owner of what is made
     */
    public ModelTensors gradients(Map<String, NDArray> gradients, NDManager owner) {
        return ModelTensors.gradients(config, gradients, owner);
    }

    /**
     * Puts the places where the gradients of adapters are added up in order; none but those are computed.
     *
     * @param lora of the adapters
     * @param tensors of the adapters, by PEFT's names
     * @param gradients of the same names
     * @param owner of what is made
     */
    public ModelTensors adapterGradients(
            LoraConfig lora, Map<String, NDArray> tensors, Map<String, NDArray> gradients, NDManager owner) {
        return ModelTensors.adapterGradients(config, lora, tensors, gradients, owner);
    }

    /**
     * Prepares weights for the writing of tokens: a copy of all but the embedding, in the layout that its products want.
     *
     * @param weights float32 tensors by the names of the model directory
     * @param parent manager under which the copy stands
     * @return to be closed by the caller, or with the parent; of no use once the weights change
     * @throws NoSuchElementException if a tensor is missing
     */
    public WritingWeights forWriting(Map<String, NDArray> weights, NDManager parent) {
        return new WritingWeights(this, weights, parent);
    }

    /**
     * A pass over texts.
     *
     * @param weights of the model
     * @param batch the texts
     * @param keep what the way back will need
     * @param parent manager under which the pass's memory stands
     * @return owned by the caller
     * @throws IllegalArgumentException if a text is longer than the positions that the model has learned
     */
    public Pass pass(ModelTensors weights, TokenBatch batch, Pass.Keep keep, NDManager parent) {
        return new Pass(this, weights, batch, keep, parent);
    }

    List<Rope> ropes() {
        return ropes;
    }

    /** The number of a layer's kind of rotary positions, or −1. */
    int ropeOf(int layer) {
        return ropeOfLayer[layer];
    }

    /** @throws IllegalArgumentException if the model has not learned so many */
    void requirePositions(int positions) {
        if (!config.names().positions().isEmpty() && positions > config.maxPositionEmbeddings()) {
            throw new IllegalArgumentException("the model has learned " + config.maxPositionEmbeddings()
                    + " positions, found a text of " + positions + " tokens");
        }
    }

    long[] sizes() {
        return new long[] {
            config.heads(),
            config.kvHeads(),
            config.headDim(),
            config.activation().ordinal()
        };
    }
}
