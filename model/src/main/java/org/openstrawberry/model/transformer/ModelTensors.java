package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.openstrawberry.model.kernels.Kernels;
import org.openstrawberry.model.pretrained.LoraConfig;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Norms;
import org.openstrawberry.model.pretrained.TensorNames;

/**
 * The tensors of a decoder, its weights or their gradients, in the order in which the kernels take them. They are the named
 * tensors themselves or views into them, but for what another precision or kind of gain makes a copy of; an empty tensor
 * stands for one that is not there.
 */
public final class ModelTensors {
    /** Query, key, value, output, gate, up and down: what adapters may stand on. */
    private static final int MATRICES = 7;

    /** Where the gains of norms stand among a layer's tensors, and their biases. */
    private static final List<Integer> GAINS = List.of(0, 8, 9, 12, 13, 21);

    private static final List<Integer> NORM_BIASES = List.of(1, 14);

    private final List<List<NDArray>> layers;
    private final List<List<NDArray>> adapters; // none, or for each layer four tensors a matrix
    private final double adapterScale;
    private final NDArray embedding; // [vocab, hidden]
    private final NDArray positions; // [positions, hidden]
    private final List<NDArray> ends; // gain and bias of the final norm, head [vocab or labels, hidden]

    private ModelTensors(
            List<List<NDArray>> layers,
            List<List<NDArray>> adapters,
            double adapterScale,
            NDArray embedding,
            NDArray positions,
            List<NDArray> ends) {
        this.layers = layers;
        this.adapters = adapters;
        this.adapterScale = adapterScale;
        this.embedding = embedding;
        this.positions = positions;
        this.ends = ends;
    }

    /**
     * The weights of a model.
     *
     * @param config of the model
     * @param named float32 tensors by the names of the model directory
     * @param precision of products
     * @param owner of views and copies
     * @return to be used no longer than the owner and the named tensors live
     * @throws NoSuchElementException if a tensor is missing
     */
    static ModelTensors weights(ModelConfig config, Map<String, NDArray> named, Precision precision, NDManager owner) {
        return new Reading(config, owner, name -> {
                    NDArray tensor = named.get(name);
                    if (tensor == null) {
                        throw new NoSuchElementException("the weights hold no tensor named " + name);
                    }
                    return tensor;
                })
                .weights(precision == Precision.BFLOAT16);
    }

    /**
     * Where the gradients of a model's weights are added up.
     *
     * @param config of the model
     * @param named float32 tensors by the names of the model directory; no gradient is computed of those that are not here
     * @param owner of views
     */
    static ModelTensors gradients(ModelConfig config, Map<String, NDArray> named, NDManager owner) {
        NDArray none = owner.create(new Shape(0));
        return new Reading(config, owner, name -> named.getOrDefault(name, none)).read();
    }

    /**
     * Where the gradients of adapters are added up, and of nothing else.
     *
     * @param config of the model
     * @param lora of the adapters
     * @param tensors of the adapters, by PEFT's names
     * @param gradients of the same names
     * @param owner of views
     */
    static ModelTensors adapterGradients(
            ModelConfig config,
            LoraConfig lora,
            Map<String, NDArray> tensors,
            Map<String, NDArray> gradients,
            NDManager owner) {
        NDArray none = owner.create(new Shape(0));
        String head = lora.head() ? config.headName() : "";
        Reading frozen = new Reading(
                config,
                owner,
                name -> name.equals(head) ? gradients.getOrDefault(LoraConfig.head(config), none) : none);
        return frozen.adapted(lora, tensors, gradients);
    }

    List<NDArray> layer(int index) {
        return layers.get(index);
    }

    List<NDArray> adapters(int layer) {
        return adapters.isEmpty() ? List.of() : adapters.get(layer);
    }

    double adapterScale() {
        return adapterScale;
    }

    NDArray embedding() {
        return embedding;
    }

    NDArray positions() {
        return positions;
    }

    List<NDArray> ends() {
        return ends;
    }

    /** Finds a tensor by its name in the model directory. */
    interface Source {
        NDArray named(String name);
    }

    /** Puts named tensors in order. */
    private static final class Reading {
        private final ModelConfig config;
        private final TensorNames names;
        private final NDManager owner;
        private final Source source;
        private final NDArray none;

        Reading(ModelConfig config, NDManager owner, Source source) {
            this.config = config;
            this.names = config.names();
            this.owner = owner;
            this.source = source;
            none = owner.create(new Shape(0));
        }

        ModelTensors read() {
            List<List<NDArray>> layers = new ArrayList<>();
            for (int i = 0; i < config.layers(); i++) {
                layers.add(layer(names.layer(i)));
            }
            return with(List.copyOf(layers), List.of(), 1);
        }

        private ModelTensors with(List<List<NDArray>> layers, List<List<NDArray>> adapters, double scale) {
            return new ModelTensors(
                    layers,
                    adapters,
                    scale,
                    source.named(config.embeddingName()),
                    names.positions().isEmpty() ? none : source.named(names.positions() + ".weight"),
                    List.of(gain(names.finalNorm()), normBias(names.finalNorm()), source.named(config.headName())));
        }

        ModelTensors weights(boolean half) {
            ModelTensors plain = read();
            List<List<NDArray>> layers = plain.layers.stream()
                    .map(layer -> {
                        List<NDArray> made = new ArrayList<>(layer);
                        for (int i = 0; i < made.size(); i++) {
                            made.set(i, GAINS.contains(i) ? effective(made.get(i)) : product(i, made.get(i), half));
                        }
                        return List.copyOf(made);
                    })
                    .toList();
            List<NDArray> ends = plain.ends;
            return new ModelTensors(
                    layers,
                    List.of(),
                    1,
                    plain.embedding,
                    plain.positions,
                    List.of(effective(ends.get(0)), ends.get(1), half ? cast(ends.get(2)) : ends.get(2)));
        }

        private NDArray effective(NDArray gain) {
            return config.norms().kind() == Norms.Kind.RMS_PLUS_ONE && gain.size() > 0
                    ? owned(gain.add(Tensors.scalar(owner, 1)))
                    : gain;
        }

        private NDArray product(int slot, NDArray tensor, boolean half) {
            return half && !NORM_BIASES.contains(slot) ? cast(tensor) : tensor;
        }

        private NDArray cast(NDArray tensor) {
            return Kernels.call("cast").with(tensor).with(true).tensor(owner);
        }

        private NDArray owned(NDArray made) {
            made.attach(owner);
            return made;
        }

        private List<NDArray> layer(String prefix) {
            List<NDArray> queryKeyValue = queryKeyValue(prefix, ".weight");
            List<NDArray> itsBiases =
                    config.biases().queryKeyValue() ? queryKeyValue(prefix, ".bias") : List.of(none, none, none);
            boolean fedBiases = config.biases().feedForward();
            List<NDArray> gateAndUp = gateAndUp(prefix, ".weight");
            List<NDArray> theirBiases = fedBiases ? gateAndUp(prefix, ".bias") : List.of(none, none);
            boolean headNorms = config.norms().queryAndKey();
            boolean after = config.norms().afterToo();
            return List.of(
                    gain(prefix + names.attentionNorm()),
                    normBias(prefix + names.attentionNorm()),
                    queryKeyValue.get(0),
                    queryKeyValue.get(1),
                    queryKeyValue.get(2),
                    itsBiases.get(0),
                    itsBiases.get(1),
                    itsBiases.get(2),
                    headNorms ? gain(prefix + names.queryNorm()) : none,
                    headNorms ? gain(prefix + names.keyNorm()) : none,
                    outByIn(prefix + names.attentionOutput() + ".weight"),
                    config.biases().attentionOutput() ? source.named(prefix + names.attentionOutput() + ".bias") : none,
                    after ? gain(prefix + names.afterAttentionNorm()) : none,
                    gain(prefix + names.feedForwardNorm()),
                    normBias(prefix + names.feedForwardNorm()),
                    gateAndUp.get(0),
                    gateAndUp.get(1),
                    theirBiases.get(0),
                    theirBiases.get(1),
                    outByIn(prefix + names.down() + ".weight"),
                    fedBiases ? source.named(prefix + names.down() + ".bias") : none,
                    after ? gain(prefix + names.afterFeedForwardNorm()) : none);
        }

        private List<NDArray> queryKeyValue(String prefix, String kind) {
            if (names.queryKeyValue().size() == 3) {
                return names.queryKeyValue().stream()
                        .map(part -> outByIn(prefix + part + kind))
                        .toList();
            }
            return parts(
                    outByIn(prefix + names.queryKeyValue().get(0) + kind),
                    config.heads() * config.headDim(),
                    config.kvHeads() * config.headDim(),
                    config.kvHeads() * config.headDim());
        }

        private List<NDArray> gateAndUp(String prefix, String kind) {
            List<String> parts = names.gateAndUp();
            if (!config.gated()) {
                return List.of(none, outByIn(prefix + parts.get(0) + kind));
            }
            if (parts.size() == 2) {
                return parts.stream().map(part -> outByIn(prefix + part + kind)).toList();
            }
            return parts(outByIn(prefix + parts.get(0) + kind), config.intermediateSize(), config.intermediateSize());
        }

        /** Views of rows that follow each other. */
        private List<NDArray> parts(NDArray whole, int... rows) {
            if (whole.size() == 0) {
                return Collections.nCopies(rows.length, whole);
            }
            long[] cuts = new long[rows.length - 1];
            long at = 0;
            for (int i = 0; i < cuts.length; i++) {
                at += rows[i];
                cuts[i] = at;
            }
            NDList views = whole.split(cuts, 0);
            views.forEach(view -> view.attach(owner));
            return List.copyOf(views);
        }

        private NDArray outByIn(String name) {
            NDArray tensor = source.named(name);
            return names.inByOut() && tensor.getShape().dimension() == 2 ? owned(tensor.transpose()) : tensor;
        }

        private NDArray gain(String norm) {
            return source.named(norm + ".weight");
        }

        private NDArray normBias(String norm) {
            return config.norms().kind() == Norms.Kind.LAYER ? source.named(norm + ".bias") : none;
        }

        ModelTensors adapted(LoraConfig lora, Map<String, NDArray> tensors, Map<String, NDArray> gradients) {
            List<List<NDArray>> frozen = read().layers;
            List<List<NDArray>> adapters = new ArrayList<>();
            for (int i = 0; i < config.layers(); i++) {
                List<NDArray> layer = new ArrayList<>(Collections.nCopies(4 * MATRICES, none));
                String prefix = names.layer(i);
                place(layer, 0, prefix, names.queryKeyValue(), tensors, gradients, sizes());
                place(layer, 3, prefix, List.of(names.attentionOutput()), tensors, gradients);
                int gated = config.gated() ? 4 : 5;
                place(
                        layer,
                        gated,
                        prefix,
                        names.gateAndUp(),
                        tensors,
                        gradients,
                        config.intermediateSize(),
                        config.intermediateSize());
                place(layer, 6, prefix, List.of(names.down()), tensors, gradients);
                adapters.add(List.copyOf(layer));
            }
            return with(frozen, List.copyOf(adapters), lora.scale());
        }

        private int[] sizes() {
            int keys = config.kvHeads() * config.headDim();
            return new int[] {config.heads() * config.headDim(), keys, keys};
        }

        /** The adapters of parts that have a tensor each, or of one tensor for all of them. */
        private void place(
                List<NDArray> layer,
                int from,
                String prefix,
                List<String> parts,
                Map<String, NDArray> tensors,
                Map<String, NDArray> gradients,
                int... rows) {
            boolean fused = parts.size() == 1 && rows.length > 1 && (config.gated() || from == 0);
            for (int part = 0; part < parts.size(); part++) {
                String down = LoraConfig.down(prefix + parts.get(part));
                String up = LoraConfig.up(prefix + parts.get(part));
                if (!tensors.containsKey(down)) {
                    continue;
                }
                List<NDArray> ups = fused ? parts(tensor(tensors, up), rows) : List.of(tensor(tensors, up));
                List<NDArray> upGradients = fused ? parts(tensor(gradients, up), rows) : List.of(tensor(gradients, up));
                for (int i = 0; i < ups.size(); i++) {
                    int at = 4 * (from + part + i);
                    layer.set(at, tensor(tensors, down));
                    layer.set(at + 1, ups.get(i));
                    layer.set(at + 2, tensor(gradients, down));
                    layer.set(at + 3, upGradients.get(i));
                }
            }
        }

        private static NDArray tensor(Map<String, NDArray> tensors, String name) {
            NDArray tensor = tensors.get(name);
            if (tensor == null) {
                throw new NoSuchElementException("the adapter holds no tensor named " + name);
            }
            return tensor;
        }
    }
}
