package org.openstrawberry.model.pretrained;

import ai.djl.ndarray.types.Shape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.openstrawberry.config.InvalidInputException;

/**
 * What a decoder computes, as a Hugging Face {@code config.json} gives it. A family is a way of filling this in (see
 * {@link Family}); nothing else in the program asks for a family's name.
 *
 * @param architecture the class that it is in transformers, such as {@code LlamaForCausalLM}
 * @param names of its tensors
 * @param vocabSize rows of the embedding
 * @param hiddenSize width of the residual stream
 * @param heads query heads
 * @param kvHeads key and value heads; divides {@code heads}
 * @param headDim width of a head
 * @param intermediateSize width of the feed-forward part
 * @param norms before, and perhaps behind, its parts
 * @param biases of its linear layers
 * @param activation of the feed-forward part
 * @param gated whether the feed-forward part is activation(gate) ∘ up, or activation(up) alone
 * @param attention of each layer
 * @param attentionScale what products of query and key are multiplied by
 * @param attentionSoftCap c in c · tanh(score / c), which bounds attention scores
 * @param logitSoftCap c in c · tanh(logit / c), which bounds the scores of tokens
 * @param embeddingScale what embeddings are multiplied by
 * @param tieWordEmbeddings whether the output layer is the embedding; then there is no {@code lm_head.weight}
 * @param labels outputs of a sequence classifier; 0 for a language model
 * @param maxPositionEmbeddings longest sequence that the model was made for, in tokens
 * @param initializerRange standard deviation of fresh weights
 */
public record ModelConfig(
        String architecture,
        TensorNames names,
        int vocabSize,
        int hiddenSize,
        int heads,
        int kvHeads,
        int headDim,
        int intermediateSize,
        Norms norms,
        Biases biases,
        Activation activation,
        boolean gated,
        List<LayerAttention> attention,
        double attentionScale,
        OptionalDouble attentionSoftCap,
        OptionalDouble logitSoftCap,
        double embeddingScale,
        boolean tieWordEmbeddings,
        int labels,
        int maxPositionEmbeddings,
        double initializerRange) {

    /** The token embedding of most families, [vocab, hidden]. */
    public static final String EMBEDDING = TensorNames.LLAMA.embedding() + ".weight";

    /** The norm after the last block of most families, [hidden]. */
    public static final String FINAL_NORM = TensorNames.LLAMA.finalNorm() + ".weight";

    /** The output layer, [vocab, hidden]; absent where it is tied to the embedding. */
    public static final String OUTPUT = TensorNames.OUTPUT;

    public ModelConfig {
        attention = List.copyOf(attention);
        check(vocabSize >= 1 && hiddenSize >= 1 && intermediateSize >= 1, "every size must be at least 1");
        check(!attention.isEmpty(), "a model needs at least one layer");
        check(
                heads >= 1 && kvHeads >= 1 && heads % kvHeads == 0,
                "num_attention_heads must be a multiple of num_key_value_heads (" + kvHeads + "), found " + heads);
        boolean rotary = attention.stream().anyMatch(layer -> layer.rope().isPresent());
        check(
                headDim >= 1 && (!rotary || headDim % 2 == 0),
                rotary ? "head_dim must be even, found " + headDim : "head_dim must be at least 1, found " + headDim);
        check(
                attention.stream().flatMap(layer -> layer.rope().stream()).allMatch(rope -> rope.dims() <= headDim),
                "no more dimensions than a head has (" + headDim + ") can be turned");
        check(attentionScale > 0, "the scale of attention must be above 0, found " + attentionScale);
        checkCap("attn_logit_softcapping", attentionSoftCap);
        checkCap("final_logit_softcapping", logitSoftCap);
        check(labels >= 0, "num_labels must be at least 0, found " + labels);
        check(maxPositionEmbeddings >= 1, "max_position_embeddings must be at least 1, found " + maxPositionEmbeddings);
        check(initializerRange > 0, "initializer_range must be above 0, found " + initializerRange);
    }

    /**
     * Reads a {@code config.json} of a language model in the layout of transformers 4 ({@code rope_theta},
     * {@code rope_scaling}) or 5 ({@code rope_parameters}). Absent keys have the values that transformers gives them.
     *
     * @throws InvalidInputException if the file is missing or broken, or describes a model that is not supported
     */
    public static ModelConfig read(Path file) {
        return of(JsonObject.read(file), Head.LANGUAGE_MODEL);
    }

    /**
     * As {@link #read}, of a sequence classifier.
     *
     * @throws InvalidInputException if the file is missing or broken, or describes a model that is not supported
     */
    public static ModelConfig readClassifier(Path file) {
        return of(JsonObject.read(file), Head.CLASSIFIER);
    }

    static ModelConfig of(JsonObject root, Head... accepted) {
        try {
            return Families.read(root, accepted);
        } catch (IllegalArgumentException e) {
            throw new InvalidInputException(root.path() + ": " + e.getMessage(), e);
        }
    }

    /**
     * Llama with untied embeddings and nothing special: the smallest way to a model of one's own.
     *
     * @param vocabSize rows of the embedding
     * @param hiddenSize width of the residual stream
     * @param layers number of layers
     * @param heads query heads
     * @param kvHeads key and value heads
     * @param headDim width of a head
     * @param intermediateSize width of the feed-forward part
     * @return a start, to be changed and built
     */
    public static Builder llama(
            int vocabSize, int hiddenSize, int layers, int heads, int kvHeads, int headDim, int intermediateSize) {
        Rope rope = new Rope(headDim, 10_000, new RopeScaling.None());
        return new Builder(
                        TensorNames.LLAMA,
                        Sizes.of(vocabSize, hiddenSize, layers, heads, kvHeads, headDim, intermediateSize))
                .architecture("LlamaForCausalLM")
                .attention(Collections.nCopies(layers, new LayerAttention(OptionalInt.empty(), Optional.of(rope))));
    }

    /** The number of layers. */
    public int layers() {
        return attention.size();
    }

    /** Whether it scores sequences instead of predicting tokens. */
    public boolean classifies() {
        return labels > 0;
    }

    /** The name of the token embedding, [vocab, hidden]. */
    public String embeddingName() {
        return names.embedding() + ".weight";
    }

    /** The name of the matrix that the scores come from: the output layer's, the embedding's or the classifier's. */
    public String headName() {
        return classifies() ? TensorNames.SCORE : tieWordEmbeddings ? embeddingName() : TensorNames.OUTPUT;
    }

    /**
     * The tensors of a model of this shape, by their names in its files, in the order in which they are used.
     *
     * @return shapes as the files have them
     */
    public LinkedHashMap<String, Shape> tensorShapes() {
        LinkedHashMap<String, Shape> shapes = new LinkedHashMap<>();
        tensors().forEach(tensor -> shapes.put(tensor.name(), tensor.shape()));
        return shapes;
    }

    /** Number of parameters: elements of all tensors, a tied one counted once. */
    public long parameters() {
        return tensors().stream().mapToLong(tensor -> tensor.shape().size()).sum();
    }

    /**
     * The linear layers inside the model's layers, in the order in which they are used; neither embedding nor output.
     *
     * @return shapes as the files have them, by names without {@code .weight}
     */
    public LinkedHashMap<String, Shape> linearLayers() {
        LinkedHashMap<String, Shape> linear = new LinkedHashMap<>();
        tensorShapes().forEach((name, shape) -> {
            if (name.startsWith(names.layers()) && shape.dimension() == 2) {
                linear.put(name.substring(0, name.length() - ".weight".length()), shape);
            }
        });
        return linear;
    }

    /**
     * A tensor of the model.
     *
     * @param name in the files
     * @param shape in the files
     * @param role what it does
     */
    record Tensor(String name, Shape shape, Role role) {
        enum Role {
            MATRIX,
            NORM_GAIN,
            BIAS
        }
    }

    List<Tensor> tensors() {
        return new TensorList().all();
    }

    /** What the names of a block's tensors begin with in most families, such as {@code model.layers.0.}. */
    public static String layerPrefix(int layer) {
        return TensorNames.LLAMA.layer(layer);
    }

    private final class TensorList {
        private final List<Tensor> tensors = new ArrayList<>();

        List<Tensor> all() {
            long queryWidth = (long) heads * headDim;
            long keyWidth = (long) kvHeads * headDim;
            table(names.embedding(), vocabSize);
            if (!names.positions().isEmpty()) {
                table(names.positions(), maxPositionEmbeddings);
            }
            for (int number = 0; number < layers(); number++) {
                String layer = names.layer(number);
                norm(layer + names.attentionNorm(), hiddenSize);
                linear(
                        layer,
                        names.queryKeyValue(),
                        new long[] {queryWidth, keyWidth, keyWidth},
                        hiddenSize,
                        biases.queryKeyValue());
                if (norms.queryAndKey()) {
                    norm(layer + names.queryNorm(), headDim);
                    norm(layer + names.keyNorm(), headDim);
                }
                linear(
                        layer,
                        List.of(names.attentionOutput()),
                        new long[] {hiddenSize},
                        queryWidth,
                        biases.attentionOutput());
                if (norms.afterToo()) {
                    norm(layer + names.afterAttentionNorm(), hiddenSize);
                }
                norm(layer + names.feedForwardNorm(), hiddenSize);
                long[] gateAndUp =
                        gated ? new long[] {intermediateSize, intermediateSize} : new long[] {intermediateSize};
                linear(layer, names.gateAndUp(), gateAndUp, hiddenSize, biases.feedForward());
                linear(layer, List.of(names.down()), new long[] {hiddenSize}, intermediateSize, biases.feedForward());
                if (norms.afterToo()) {
                    norm(layer + names.afterFeedForwardNorm(), hiddenSize);
                }
            }
            norm(names.finalNorm(), hiddenSize);
            if (classifies()) {
                tensors.add(new Tensor(TensorNames.SCORE, new Shape(labels, hiddenSize), Tensor.Role.MATRIX));
            } else if (!tieWordEmbeddings) {
                tensors.add(new Tensor(TensorNames.OUTPUT, new Shape(vocabSize, hiddenSize), Tensor.Role.MATRIX));
            }
            return tensors;
        }

        private void table(String name, long rows) {
            tensors.add(new Tensor(name + ".weight", new Shape(rows, hiddenSize), Tensor.Role.MATRIX));
        }

        private void norm(String name, long width) {
            tensors.add(new Tensor(name + ".weight", new Shape(width), Tensor.Role.NORM_GAIN));
            if (norms.kind() == Norms.Kind.LAYER) {
                tensors.add(new Tensor(name + ".bias", new Shape(width), Tensor.Role.BIAS));
            }
        }

        /** Parts that lie in one tensor, or in a tensor each. */
        private void linear(String layer, List<String> parts, long[] widths, long in, boolean bias) {
            long whole = 0;
            for (int i = 0; i < widths.length; i++) {
                whole += widths[i];
                if (parts.size() > 1) {
                    linear(layer + parts.get(i), widths[i], in, bias);
                }
            }
            if (parts.size() == 1) {
                linear(layer + parts.get(0), whole, in, bias);
            }
        }

        private void linear(String name, long out, long in, boolean bias) {
            tensors.add(new Tensor(
                    name + ".weight", names.inByOut() ? new Shape(in, out) : new Shape(out, in), Tensor.Role.MATRIX));
            if (bias) {
                tensors.add(new Tensor(name + ".bias", new Shape(out), Tensor.Role.BIAS));
            }
        }
    }

    /**
     * The sizes that every family has.
     *
     * @param vocabSize rows of the embedding
     * @param hiddenSize width of the residual stream
     * @param layers number of layers
     * @param heads query heads
     * @param kvHeads key and value heads
     * @param headDim width of a head
     * @param intermediateSize width of the feed-forward part
     */
    record Sizes(int vocabSize, int hiddenSize, int layers, int heads, int kvHeads, int headDim, int intermediateSize) {
        static Sizes of(
                int vocabSize, int hiddenSize, int layers, int heads, int kvHeads, int headDim, int intermediateSize) {
            return new Sizes(vocabSize, hiddenSize, layers, heads, kvHeads, headDim, intermediateSize);
        }
    }

    /** A configuration in the making; what is not said is as in Llama. */
    public static final class Builder {
        private final TensorNames names;
        private final Sizes sizes;
        private String architecture = "";
        private Norms norms = new Norms(Norms.Kind.RMS, 1e-6, false, false);
        private Biases biases = Biases.NONE;
        private Activation activation = Activation.SILU;
        private boolean gated = true;
        private List<LayerAttention> attention = List.of();
        private double attentionScale;
        private OptionalDouble attentionSoftCap = OptionalDouble.empty();
        private OptionalDouble logitSoftCap = OptionalDouble.empty();
        private double embeddingScale = 1;
        private boolean tieWordEmbeddings;
        private int labels;
        private int maxPositionEmbeddings = 2048;
        private double initializerRange = 0.02;

        Builder(TensorNames names, Sizes sizes) {
            this.names = names;
            this.sizes = sizes;
            attentionScale = 1 / Math.sqrt(sizes.headDim());
        }

        Sizes sizes() {
            return sizes;
        }

        Builder architecture(String name) {
            architecture = name;
            return this;
        }

        /** By default root-mean-square norms before the parts, ε 1e-6. */
        public Builder norms(Norms value) {
            norms = value;
            return this;
        }

        /** By default none. */
        public Builder biases(Biases value) {
            biases = value;
            return this;
        }

        /** By default SiLU. */
        public Builder activation(Activation value) {
            activation = value;
            return this;
        }

        Builder withoutGate() {
            gated = false;
            return this;
        }

        /** One a layer. */
        public Builder attention(List<LayerAttention> value) {
            attention = List.copyOf(value);
            return this;
        }

        /** By default 1/√headDim. */
        public Builder attentionScale(double value) {
            attentionScale = value;
            return this;
        }

        /** By default none. */
        public Builder attentionSoftCap(OptionalDouble value) {
            attentionSoftCap = value;
            return this;
        }

        /** By default none. */
        public Builder logitSoftCap(OptionalDouble value) {
            logitSoftCap = value;
            return this;
        }

        /** By default 1. */
        public Builder embeddingScale(double value) {
            embeddingScale = value;
            return this;
        }

        /** By default not. */
        public Builder tieWordEmbeddings(boolean value) {
            tieWordEmbeddings = value;
            return this;
        }

        /** By default 0, a language model. */
        public Builder labels(int value) {
            labels = value;
            return this;
        }

        /** By default 2048. */
        public Builder maxPositionEmbeddings(int value) {
            maxPositionEmbeddings = value;
            return this;
        }

        /** By default 0.02. */
        public Builder initializerRange(double value) {
            initializerRange = value;
            return this;
        }

        /**
         * The configuration.
         *
         * @throws IllegalArgumentException if sizes do not fit together; the message names the key of {@code config.json}
         */
        public ModelConfig build() {
            return new ModelConfig(
                    architecture,
                    names,
                    sizes.vocabSize(),
                    sizes.hiddenSize(),
                    sizes.heads(),
                    sizes.kvHeads(),
                    sizes.headDim(),
                    sizes.intermediateSize(),
                    norms,
                    biases,
                    activation,
                    gated,
                    attention,
                    attentionScale,
                    attentionSoftCap,
                    logitSoftCap,
                    embeddingScale,
                    tieWordEmbeddings,
                    labels,
                    maxPositionEmbeddings,
                    initializerRange);
        }
    }

    private static void checkCap(String key, OptionalDouble cap) {
        check(cap.isEmpty() || cap.getAsDouble() > 0, key + " must be above 0, found " + cap);
    }

    private static void check(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }
}
