package org.openstrawberry.model.pretrained;

import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Optional;
import org.openstrawberry.config.InvalidInputException;

/**
 * The shape of a Llama-type decoder, as a Hugging Face {@code config.json} gives it.
 *
 * @param vocabSize rows of the embedding
 * @param hiddenSize width of the residual stream
 * @param layers number of blocks
 * @param heads query heads
 * @param kvHeads key and value heads; divides {@code heads}
 * @param headDim width of a head, even
 * @param intermediateSize width of the gated feed-forward part
 * @param rmsNormEps added to the mean square in each norm
 * @param ropeTheta base of the rotary frequencies
 * @param ropeScaling scaling of the rotary frequencies, if any
 * @param tieWordEmbeddings whether the output layer is the embedding; then there is no {@code lm_head.weight}
 * @param maxPositionEmbeddings longest sequence that the model was made for, in tokens
 * @param initializerRange standard deviation of fresh weights
 */
public record ModelConfig(
        int vocabSize,
        int hiddenSize,
        int layers,
        int heads,
        int kvHeads,
        int headDim,
        int intermediateSize,
        double rmsNormEps,
        double ropeTheta,
        Optional<RopeScaling> ropeScaling,
        boolean tieWordEmbeddings,
        int maxPositionEmbeddings,
        double initializerRange) {

    /** The architecture that is supported, by its name in {@code config.json}. */
    public static final String ARCHITECTURE = "LlamaForCausalLM";

    /** The token embedding, [vocab, hidden]. */
    public static final String EMBEDDING = "model.embed_tokens.weight";

    /** The norm after the last block, [hidden]. */
    public static final String FINAL_NORM = "model.norm.weight";

    /** The output layer, [vocab, hidden]; absent where it is tied to the embedding. */
    public static final String OUTPUT = "lm_head.weight";

    public ModelConfig {
        check(
                vocabSize >= 1 && hiddenSize >= 1 && layers >= 1 && intermediateSize >= 1,
                "every size must be at least 1");
        check(
                heads >= 1 && kvHeads >= 1 && heads % kvHeads == 0,
                "num_attention_heads must be a multiple of num_key_value_heads (" + kvHeads + "), found " + heads);
        check(headDim >= 2 && headDim % 2 == 0, "head_dim must be even, found " + headDim);
        check(rmsNormEps > 0, "rms_norm_eps must be above 0, found " + rmsNormEps);
        check(ropeTheta > 0, "rope_theta must be above 0, found " + ropeTheta);
        check(maxPositionEmbeddings >= 1, "max_position_embeddings must be at least 1, found " + maxPositionEmbeddings);
        check(initializerRange > 0, "initializer_range must be above 0, found " + initializerRange);
    }

    /**
     * Reads a {@code config.json} in the layout of transformers 4 ({@code rope_theta}, {@code rope_scaling}) or 5
     * ({@code rope_parameters}). Absent keys have the values that transformers gives them.
     *
     * @throws InvalidInputException if the file is missing or broken, or describes a model that is not supported
     */
    public static ModelConfig read(Path file) {
        return of(JsonObject.read(file));
    }

    static ModelConfig of(JsonObject root) {
        refuseUnsupported(root);
        int hiddenSize = root.positiveInt("hidden_size");
        int heads = root.positiveInt("num_attention_heads");
        Optional<Integer> headDim = root.optionalPositiveInt("head_dim");
        if (headDim.isEmpty() && hiddenSize % heads != 0) {
            throw root.wrong("num_attention_heads", "a divisor of hidden_size (" + hiddenSize + ")");
        }
        Optional<JsonObject> rope = root.object("rope_parameters").or(() -> root.object("rope_scaling"));
        try {
            return new ModelConfig(
                    root.positiveInt("vocab_size"),
                    hiddenSize,
                    root.positiveInt("num_hidden_layers"),
                    heads,
                    root.optionalPositiveInt("num_key_value_heads").orElse(heads),
                    headDim.orElse(hiddenSize / heads),
                    root.positiveInt("intermediate_size"),
                    root.optionalPositive("rms_norm_eps").orElse(1e-6),
                    rope.flatMap(parameters -> parameters.optionalPositive("rope_theta"))
                            .or(() -> root.optionalPositive("rope_theta"))
                            .orElse(10_000.0),
                    rope.flatMap(ModelConfig::ropeScaling),
                    root.flag("tie_word_embeddings", false),
                    root.optionalPositiveInt("max_position_embeddings").orElse(2048),
                    root.optionalPositive("initializer_range").orElse(0.02));
        } catch (IllegalArgumentException e) {
            throw new InvalidInputException(root.path() + ": " + e.getMessage(), e);
        }
    }

    private static void refuseUnsupported(JsonObject root) {
        Optional<JsonNode> architectures = root.value("architectures");
        if (architectures.isPresent()) {
            JsonNode list = architectures.get();
            if (list.size() != 1 || !list.path(0).asText().equals(ARCHITECTURE)) {
                throw root.wrong("architectures", "[\"" + ARCHITECTURE + "\"], the supported architecture");
            }
        } else if (!root.text("model_type").equals(Optional.of("llama"))) {
            throw root.wrong("model_type", "\"llama\", the supported architecture");
        }
        if (!root.text("hidden_act").orElse("silu").equals("silu")) {
            throw root.wrong("hidden_act", "\"silu\"");
        }
        for (String bias : new String[] {"attention_bias", "mlp_bias"}) {
            if (root.flag(bias, false)) {
                throw root.wrong(bias, "false: biases are not supported");
            }
        }
        if (root.value("quantization_config").isPresent()) {
            throw root.wrong("quantization_config", "none: quantized weights are not supported");
        }
    }

    private static Optional<RopeScaling> ropeScaling(JsonObject rope) {
        if (rope.optionalPositive("partial_rotary_factor").orElse(1.0) != 1.0) {
            throw rope.wrong("partial_rotary_factor", "1.0");
        }
        String key = rope.value("rope_type").isPresent() ? "rope_type" : "type";
        return switch (rope.text(key).orElse("default")) {
            case "default" -> Optional.empty();
            case "llama3" ->
                Optional.of(new RopeScaling(
                        rope.positive("factor"),
                        rope.positive("low_freq_factor"),
                        rope.positive("high_freq_factor"),
                        rope.positiveInt("original_max_position_embeddings")));
            default -> throw rope.wrong(key, "\"default\" or \"llama3\", the supported rotary positions");
        };
    }

    /**
     * The tensors of a model of this shape, by their names in its files, in the order in which they are used.
     *
     * @return shapes as PyTorch stores them: a linear layer is [out, in]
     */
    public LinkedHashMap<String, Shape> tensorShapes() {
        LinkedHashMap<String, Shape> shapes = new LinkedHashMap<>();
        Shape norm = new Shape(hiddenSize);
        long queryWidth = (long) heads * headDim;
        long keyWidth = (long) kvHeads * headDim;
        shapes.put(EMBEDDING, new Shape(vocabSize, hiddenSize));
        for (int layer = 0; layer < layers; layer++) {
            String prefix = layerPrefix(layer);
            shapes.put(prefix + "input_layernorm.weight", norm);
            shapes.put(prefix + "self_attn.q_proj.weight", new Shape(queryWidth, hiddenSize));
            shapes.put(prefix + "self_attn.k_proj.weight", new Shape(keyWidth, hiddenSize));
            shapes.put(prefix + "self_attn.v_proj.weight", new Shape(keyWidth, hiddenSize));
            shapes.put(prefix + "self_attn.o_proj.weight", new Shape(hiddenSize, queryWidth));
            shapes.put(prefix + "post_attention_layernorm.weight", norm);
            shapes.put(prefix + "mlp.gate_proj.weight", new Shape(intermediateSize, hiddenSize));
            shapes.put(prefix + "mlp.up_proj.weight", new Shape(intermediateSize, hiddenSize));
            shapes.put(prefix + "mlp.down_proj.weight", new Shape(hiddenSize, intermediateSize));
        }
        shapes.put(FINAL_NORM, norm);
        if (!tieWordEmbeddings) {
            shapes.put(OUTPUT, new Shape(vocabSize, hiddenSize));
        }
        return shapes;
    }

    /** What the names of a block's tensors begin with, such as {@code model.layers.0.}. */
    public static String layerPrefix(int layer) {
        return "model.layers." + layer + ".";
    }

    private static void check(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }
}
