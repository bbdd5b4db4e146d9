package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Norms;
import org.openstrawberry.model.pretrained.TensorNames;

/**
 * The weights of a decoder in the form that its products want, made of the named tensors of a model directory: query, key
 * and value in one matrix, the query's rows times the scale of attention; and the gain of a layer's root-mean-square norms
 * folded into the matrices that follow them (norm(x)∘g · Wᵀ = norm(x) · (W∘g)ᵀ). All of it is ordinary arithmetic on the
 * named tensors, so gradients flow back to them.
 */
public final class PlainWeights {
    /**
     * One layer.
     *
     * @param attentionNorm before attention
     * @param queryKeyValue to (heads + 2 kvHeads) · headDim
     * @param queryAndKeyNorm of each head's query and key, [heads + kvHeads, headDim]
     * @param output of attention, to hidden
     * @param afterAttention norm behind it
     * @param feedForwardNorm before the feed-forward part
     * @param gate to intermediate
     * @param up to intermediate
     * @param down to hidden
     * @param afterFeedForward norm behind it
     */
    record Layer(
            Norm attentionNorm,
            Linear queryKeyValue,
            Optional<Norm> queryAndKeyNorm,
            Linear output,
            Optional<Norm> afterAttention,
            Norm feedForwardNorm,
            Optional<Linear> gate,
            Linear up,
            Linear down,
            Optional<Norm> afterFeedForward) {}

    private final NDArray embedding; // [vocab, hidden]
    private final Optional<NDArray> embeddingScale; // []
    private final Optional<NDArray> positions; // [positions, hidden]
    private final List<Layer> layers;
    private final Norm finalNorm;
    private final NDArray head; // [vocab or labels, hidden]
    private final UnaryOperator<NDArray> activation;
    private final SoftCap logitSoftCap;

    private PlainWeights(
            NDArray embedding,
            Optional<NDArray> embeddingScale,
            Optional<NDArray> positions,
            List<Layer> layers,
            Norm finalNorm,
            NDArray head,
            UnaryOperator<NDArray> activation,
            SoftCap logitSoftCap) {
        this.embedding = embedding;
        this.embeddingScale = embeddingScale;
        this.positions = positions;
        this.layers = layers;
        this.finalNorm = finalNorm;
        this.head = head;
        this.activation = activation;
        this.logitSoftCap = logitSoftCap;
    }

    /**
     * Fuses the weights. The result holds copies: it does not follow later changes of the tensors.
     *
     * @param config of the model
     * @param weights float32 tensors by the names of the model directory
     * @param manager owner of the result's arrays
     * @return the weights as {@link PlainDecoder} takes them, to be used no longer than the manager and the weights live
     * @throws NoSuchElementException if a tensor is missing
     */
    public static PlainWeights of(ModelConfig config, Map<String, NDArray> weights, NDManager manager) {
        return new Fusion(config, weights, manager).fused();
    }

    NDArray embedding() {
        return embedding;
    }

    Optional<NDArray> embeddingScale() {
        return embeddingScale;
    }

    Optional<NDArray> positions() {
        return positions;
    }

    List<Layer> layers() {
        return layers;
    }

    Norm finalNorm() {
        return finalNorm;
    }

    NDArray head() {
        return head;
    }

    UnaryOperator<NDArray> activation() {
        return activation;
    }

    SoftCap logitSoftCap() {
        return logitSoftCap;
    }

    /** Fuses the tensors of one model. */
    private static final class Fusion {
        private final ModelConfig config;
        private final TensorNames names;
        private final Map<String, NDArray> weights;
        private final Set<NDArray> originals = Collections.newSetFromMap(new IdentityHashMap<>());
        private final NDManager manager;
        private final NDArray epsilon; // []
        private final NDArray minusHalf; // []
        private final NDArray one; // []
        private final NDArray scale; // []: of attention

        Fusion(ModelConfig config, Map<String, NDArray> weights, NDManager manager) {
            this.config = config;
            this.names = config.names();
            this.weights = weights;
            this.manager = manager;
            originals.addAll(weights.values());
            epsilon = Tensors.scalar(manager, config.norms().epsilon());
            minusHalf = Tensors.scalar(manager, -0.5);
            one = Tensors.scalar(manager, 1);
            scale = Tensors.scalar(manager, config.attentionScale());
        }

        PlainWeights fused() {
            NDArray embedding = named(config.embeddingName());
            NDArray head = named(config.headName());
            Optional<NDArray> embeddingScale = config.embeddingScale() == 1
                    ? Optional.empty()
                    : Optional.of(Tensors.scalar(manager, config.embeddingScale()));
            UnaryOperator<NDArray> activation = Activations.of(config.activation(), manager);
            SoftCap logitSoftCap = SoftCap.of(config.logitSoftCap(), manager);
            Optional<NDArray> positions =
                    names.positions().isEmpty() ? Optional.empty() : Optional.of(named(names.positions() + ".weight"));
            List<Layer> layers = new ArrayList<>();
            for (int i = 0; i < config.layers(); i++) {
                String prefix = names.layer(i);
                layers.add(scoped(() -> layer(prefix)));
            }
            Norm finalNorm = scoped(() -> normWithGain(names.finalNorm()));
            return new PlainWeights(
                    embedding,
                    embeddingScale,
                    positions,
                    List.copyOf(layers),
                    finalNorm,
                    head,
                    activation,
                    logitSoftCap);
        }

        /** Some of what is made here would belong to the tensors' own manager, and stay as long as they do. */
        private static <T> T scoped(Supplier<T> fusion) {
            try (NDScope temporary = new NDScope()) {
                temporary.suppressNotUsedWarning();
                return fusion.get();
            }
        }

        private Layer layer(String prefix) {
            Optional<NDArray> attentionGain = foldedGain(prefix + names.attentionNorm());
            Linear queryKeyValue = queryKeyValue(prefix, attentionGain);
            Optional<Norm> queryAndKeyNorm =
                    config.norms().queryAndKey() ? Optional.of(queryAndKeyNorm(prefix)) : Optional.empty();
            Linear output =
                    linear(prefix + names.attentionOutput(), config.biases().attentionOutput(), Optional.empty());
            Optional<NDArray> feedForwardGain = foldedGain(prefix + names.feedForwardNorm());
            List<Linear> gateAndUp = gateAndUp(prefix, feedForwardGain);
            return new Layer(
                    normBefore(prefix + names.attentionNorm()),
                    queryKeyValue,
                    queryAndKeyNorm,
                    output,
                    normAfter(prefix + names.afterAttentionNorm()),
                    normBefore(prefix + names.feedForwardNorm()),
                    config.gated() ? Optional.of(gateAndUp.get(0)) : Optional.empty(),
                    gateAndUp.get(gateAndUp.size() - 1),
                    linear(prefix + names.down(), config.biases().feedForward(), Optional.empty()),
                    normAfter(prefix + names.afterFeedForwardNorm()));
        }

        private Linear queryKeyValue(String prefix, Optional<NDArray> gain) {
            NDArray matrix = queryKeyValue(prefix, ".weight");
            return new Linear(
                    kept(gain.map(matrix::mul).orElse(matrix)),
                    config.biases().queryKeyValue()
                            ? Optional.of(kept(queryKeyValue(prefix, ".bias")))
                            : Optional.empty());
        }

        /** Query, key and value below each other, the query times the scale of attention unless its norm takes that. */
        private NDArray queryKeyValue(String prefix, String kind) {
            boolean scaled = !config.norms().queryAndKey();
            List<NDArray> parts = names.queryKeyValue().stream()
                    .map(part -> outByIn(prefix + part + kind))
                    .toList();
            if (parts.size() == 1) {
                NDArray whole = parts.get(0);
                return scaled ? whole.mul(queryRowsScaled(whole.getShape())) : whole;
            }
            NDArray query = parts.get(0);
            return NDArrays.concat(new NDList(scaled ? query.mul(scale) : query, parts.get(1), parts.get(2)), 0);
        }

        private NDArray queryRowsScaled(Shape whole) {
            float[] factors = new float[Math.toIntExact(whole.get(0))];
            Arrays.fill(factors, 1);
            Arrays.fill(factors, 0, config.heads() * config.headDim(), (float) config.attentionScale());
            return Tensors.floats(
                    manager,
                    factors,
                    whole.dimension() == 1 ? new Shape(factors.length) : new Shape(factors.length, 1));
        }

        /** The gains of all heads below each other, the query's times the scale of attention. */
        private Norm queryAndKeyNorm(String prefix) {
            NDArray query = gain(prefix + names.queryNorm()).mul(scale).reshape(1, config.headDim());
            NDArray key = gain(prefix + names.keyNorm()).reshape(1, config.headDim());
            NDArray gains = NDArrays.concat(
                    new NDList(
                            query.broadcast(config.heads(), config.headDim()),
                            key.broadcast(config.kvHeads(), config.headDim())),
                    0);
            return new Norm.RootMeanSquare(Optional.of(kept(gains)), epsilon, minusHalf);
        }

        private List<Linear> gateAndUp(String prefix, Optional<NDArray> gain) {
            boolean biased = config.biases().feedForward();
            List<Linear> parts = names.gateAndUp().stream()
                    .map(name -> linear(prefix + name, biased, gain))
                    .toList();
            if (!config.gated() || parts.size() == 2) {
                return parts;
            }
            NDList matrices = parts.get(0).weight().split(2, 0);
            Optional<NDList> vectors = parts.get(0).bias().map(bias -> bias.split(2, 0));
            return IntStream.range(0, 2)
                    .mapToObj(part -> new Linear(kept(matrices.get(part)), vectors.map(both -> kept(both.get(part)))))
                    .toList();
        }

        private Linear linear(String name, boolean biased, Optional<NDArray> gain) {
            NDArray matrix = outByIn(name + ".weight");
            return new Linear(
                    kept(gain.map(matrix::mul).orElse(matrix)),
                    biased ? Optional.of(named(name + ".bias")) : Optional.empty());
        }

        /** A matrix as [out, in], or a bias. */
        private NDArray outByIn(String name) {
            NDArray tensor = named(name);
            return names.inByOut() && tensor.getShape().dimension() == 2 ? tensor.transpose() : tensor;
        }

        private boolean layerNorms() {
            return config.norms().kind() == Norms.Kind.LAYER;
        }

        /** The gain that goes into the matrices behind a norm; a norm with a bias keeps its own. */
        private Optional<NDArray> foldedGain(String norm) {
            return layerNorms() ? Optional.empty() : Optional.of(gain(norm));
        }

        private Norm normBefore(String name) {
            return layerNorms() ? layerNorm(name) : new Norm.RootMeanSquare(Optional.empty(), epsilon, minusHalf);
        }

        private Optional<Norm> normAfter(String name) {
            return config.norms().afterToo() ? Optional.of(normWithGain(name)) : Optional.empty();
        }

        private Norm normWithGain(String name) {
            return layerNorms()
                    ? layerNorm(name)
                    : new Norm.RootMeanSquare(Optional.of(kept(gain(name))), epsilon, minusHalf);
        }

        private Norm layerNorm(String name) {
            return new Norm.Layer(named(name + ".weight"), named(name + ".bias"), (float)
                    config.norms().epsilon());
        }

        private NDArray gain(String norm) {
            NDArray gain = named(norm + ".weight");
            return config.norms().kind() == Norms.Kind.RMS_PLUS_ONE ? gain.add(one) : gain;
        }

        /** Lets an array outlive the scope that it is made in; the model's own tensors stay where they are. */
        private NDArray kept(NDArray array) {
            if (!originals.contains(array)) {
                NDScope.unregister(array);
                array.attach(manager);
            }
            return array;
        }

        private NDArray named(String name) {
            NDArray array = weights.get(name);
            if (array == null) {
                throw new NoSuchElementException("the weights hold no tensor named " + name);
            }
            return array;
        }
    }
}
