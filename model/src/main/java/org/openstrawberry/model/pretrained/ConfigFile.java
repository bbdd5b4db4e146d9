package org.openstrawberry.model.pretrained;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.function.IntPredicate;

/**
 * A {@code config.json}, with what several families read in the same way. Where a key is absent, the value is the one that
 * transformers gives it.
 */
record ConfigFile(JsonObject root) {
    private static final String SLIDING = "sliding_attention";
    private static final String FULL = "full_attention";

    /**
     * Sizes, norms, activation and positions as Llama has them; the caller changes what differs.
     *
     * @param headDim where the key is absent; none is hidden_size / num_attention_heads
     * @param kvHeads where the key is absent; none is num_attention_heads
     */
    ModelConfig.Builder decoder(TensorNames names, OptionalInt headDim, OptionalInt kvHeads) {
        int hidden = root.positiveInt("hidden_size");
        int heads = root.positiveInt("num_attention_heads");
        if (root.value("head_dim").isEmpty() && headDim.isEmpty() && hidden % heads != 0) {
            throw root.wrong("num_attention_heads", "a divisor of hidden_size (" + hidden + ")");
        }
        ModelConfig.Sizes sizes = new ModelConfig.Sizes(
                root.positiveInt("vocab_size"),
                hidden,
                root.positiveInt("num_hidden_layers"),
                heads,
                root.optionalPositiveInt("num_key_value_heads")
                        .orElse(root.has("num_key_value_heads") ? heads : kvHeads.orElse(heads)),
                root.optionalPositiveInt("head_dim").orElse(headDim.orElse(hidden / heads)),
                root.positiveInt("intermediate_size"));
        return new ModelConfig.Builder(names, sizes)
                .norms(norms(Norms.Kind.RMS, 1e-6, false, false))
                .activation(activation("hidden_act", "silu"))
                .tieWordEmbeddings(root.flag("tie_word_embeddings", false))
                .maxPositionEmbeddings(maxPositions(2048))
                .initializerRange(root.optionalPositive("initializer_range").orElse(0.02));
    }

    ModelConfig.Builder decoder(TensorNames names) {
        return decoder(names, OptionalInt.empty(), OptionalInt.empty());
    }

    Norms norms(Norms.Kind kind, double epsilonIfAbsent, boolean afterToo, boolean queryAndKey) {
        return new Norms(kind, root.optionalPositive("rms_norm_eps").orElse(epsilonIfAbsent), afterToo, queryAndKey);
    }

    Activation activation(String key, String otherwise) {
        return Activation.named(root.text(key).orElse(otherwise))
                .orElseThrow(() -> root.wrong(key, "one of " + Activation.allNames()));
    }

    int maxPositions(int otherwise) {
        return root.optionalPositiveInt("max_position_embeddings").orElse(otherwise);
    }

    boolean flag(String key, boolean otherwise) {
        return root.flag(key, otherwise);
    }

    /** Biases where {@code attention_bias} and {@code mlp_bias} ask for them. */
    Biases biases() {
        boolean attention = root.flag("attention_bias", false);
        return new Biases(attention, attention, root.flag("mlp_bias", false));
    }

    /** A number above 0, or none where the key is {@code null}. */
    OptionalDouble cap(String key, OptionalDouble ifAbsent) {
        return root.has(key)
                ? root.optionalPositive(key).map(OptionalDouble::of).orElse(OptionalDouble.empty())
                : ifAbsent;
    }

    /** Refuses a key that would change what is computed. */
    void refuse(String key, String expected) {
        Optional<JsonNode> value = root.value(key);
        if (value.isPresent() && !(value.get().isBoolean() && !value.get().booleanValue())) {
            throw root.wrong(key, expected);
        }
    }

    // ---- what each layer attends to

    /** {@code sliding_window}: none where the key is {@code null}. */
    OptionalInt window(OptionalInt ifAbsent) {
        return root.has("sliding_window")
                ? root.optionalPositiveInt("sliding_window")
                        .map(OptionalInt::of)
                        .orElse(OptionalInt.empty())
                : ifAbsent;
    }

    /** All layers alike. */
    List<LayerAttention> everyLayer(OptionalInt window, Rope rope) {
        return Collections.nCopies(
                root.positiveInt("num_hidden_layers"), new LayerAttention(window, Optional.of(rope)));
    }

    /**
     * Layers of two kinds, as {@code layer_types} has them.
     *
     * @param window of the sliding layers
     * @param slides which layers slide where there are no {@code layer_types}
     * @param full positions of the others
     * @param sliding positions of the sliding layers
     */
    List<LayerAttention> layersByType(OptionalInt window, IntPredicate slides, Rope full, Rope sliding) {
        int layers = root.positiveInt("num_hidden_layers");
        Optional<JsonNode> types = root.value("layer_types");
        if (types.isPresent() && types.get().size() != layers) {
            throw root.wrong("layer_types", layers + " of them, the num_hidden_layers");
        }
        List<LayerAttention> attention = new ArrayList<>();
        for (int i = 0; i < layers; i++) {
            String byDefault = slides.test(i) ? SLIDING : FULL;
            int layer = i;
            String type = types.map(list -> list.path(layer).asText()).orElse(byDefault);
            if (type.equals(SLIDING)) {
                if (window.isEmpty()) {
                    throw root.wrong("sliding_window", "the window of the layers of the type \"" + SLIDING + "\"");
                }
                attention.add(new LayerAttention(window, Optional.of(sliding)));
            } else if (type.equals(FULL)) {
                attention.add(new LayerAttention(OptionalInt.empty(), Optional.of(full)));
            } else {
                throw root.wrong("layer_types", "\"" + FULL + "\" and \"" + SLIDING + "\" only");
            }
        }
        return attention;
    }

    // ---- rotary positions

    /** The rotary positions of a family in which whole heads are turned. */
    Rope rope(int headDim) {
        Rope rope = partialRope(headDim);
        if (rope.dims() != headDim) {
            JsonObject where = rotary().filter(object -> object.has("partial_rotary_factor"))
                    .orElse(root);
            throw where.wrong("partial_rotary_factor", "1.0");
        }
        return rope;
    }

    /** The rotary positions of a family in which a {@code partial_rotary_factor} of each head is turned. */
    Rope partialRope(int headDim) {
        Optional<JsonObject> rotary = rotary();
        double theta = rotary.flatMap(object -> object.optionalPositive("rope_theta"))
                .or(() -> root.optionalPositive("rope_theta"))
                .orElse(10_000.0);
        double share = rotary.flatMap(object -> object.optionalPositive("partial_rotary_factor"))
                .or(() -> root.optionalPositive("partial_rotary_factor"))
                .orElse(1.0);
        return new Rope(
                (int) (headDim * share),
                theta,
                rotary.map(object -> scaling(object, root.optionalPositiveInt("original_max_position_embeddings")))
                        .orElse(new RopeScaling.None()));
    }

    /** Transformers 4 has {@code rope_scaling}, 5 has {@code rope_parameters}. */
    private Optional<JsonObject> rotary() {
        return root.object("rope_scaling")
                .filter(object -> !object.node().isEmpty())
                .or(() -> root.object("rope_parameters"));
    }

    /**
     * The positions of one type of layers, in the layout of transformers 5: an object for each type.
     *
     * @param type of layers
     * @param theta where it is not given
     */
    Rope ropeOfType(String type, int headDim, double theta) {
        Optional<JsonObject> parameters = root.object("rope_parameters");
        if (parameters.isPresent() && parameters.get().has("rope_type")) {
            throw root.wrong("rope_parameters", "an object each for \"" + FULL + "\" and \"" + SLIDING + "\"");
        }
        Optional<JsonObject> rotary = parameters.flatMap(types -> types.object(type));
        rotary.ifPresent(object -> {
            if (object.optionalPositive("partial_rotary_factor").orElse(1.0) != 1) {
                throw object.wrong("partial_rotary_factor", "1.0");
            }
            refuseUntruncated(object);
        });
        return new Rope(
                headDim,
                rotary.flatMap(object -> object.optionalPositive("rope_theta")).orElse(theta),
                rotary.map(object -> scaling(object, Optional.empty())).orElse(new RopeScaling.None()));
    }

    /** Where each type of layers has positions of its own, transformers looks for the key in another place. */
    private static void refuseUntruncated(JsonObject rope) {
        if (!rope.flag("truncate", true)) {
            throw rope.wrong("truncate", "true, since transformers does not read it here");
        }
    }

    /** The positions of full layers in the layout of transformers 4, which scales these only. */
    Rope globalRope(int headDim, double theta) {
        root.object("rope_scaling").ifPresent(ConfigFile::refuseUntruncated);
        return new Rope(
                headDim,
                root.optionalPositive("rope_theta").orElse(theta),
                root.object("rope_scaling")
                        .map(object -> scaling(object, Optional.empty()))
                        .orElse(new RopeScaling.None()));
    }

    /** The positions of sliding layers in the layout of transformers 4. */
    Rope localRope(int headDim, double theta) {
        return new Rope(headDim, root.optionalPositive("rope_local_base_freq").orElse(theta), new RopeScaling.None());
    }

    /** Layers that see all and learn their positions. */
    List<LayerAttention> withoutRope(int layers) {
        return Collections.nCopies(layers, new LayerAttention(OptionalInt.empty(), Optional.empty()));
    }

    /**
     * @param outside the context length before scaling, where it is given outside of the object: it goes before
     */
    private RopeScaling scaling(JsonObject rope, Optional<Integer> outside) {
        String key = rope.value("rope_type").isPresent() ? "rope_type" : "type";
        return switch (rope.text(key).orElse("default")) {
            case "default" -> new RopeScaling.None();
            case "linear" -> new RopeScaling.Linear(rope.positive("factor"));
            case "llama3" ->
                new RopeScaling.Llama3(
                        rope.positive("factor"),
                        rope.positive("low_freq_factor"),
                        rope.positive("high_freq_factor"),
                        originalPositions(rope, outside));
            case "yarn" -> yarn(rope, originalPositions(rope, outside));
            default ->
                throw rope.wrong(
                        key,
                        "\"default\", \"linear\", \"llama3\" or \"yarn\", the supported kinds of rotary positions");
        };
    }

    private RopeScaling yarn(JsonObject rope, int original) {
        double factor = rope.value("factor").isPresent()
                ? rope.positive("factor")
                : (double) root.positiveInt("max_position_embeddings") / original;
        return new RopeScaling.Yarn(
                factor,
                original,
                // 0 counts as absent, in transformers too.
                rope.optionalNotNegative("beta_fast").filter(value -> value > 0).orElse(32.0),
                rope.optionalNotNegative("beta_slow").filter(value -> value > 0).orElse(1.0),
                positiveOrNone(rope, "mscale"),
                positiveOrNone(rope, "mscale_all_dim"),
                rope.optionalPositive("attention_factor")
                        .map(OptionalDouble::of)
                        .orElse(OptionalDouble.empty()),
                rope.flag("truncate", true));
    }

    private static OptionalDouble positiveOrNone(JsonObject rope, String key) {
        return rope.optionalNotNegative(key)
                .filter(value -> value > 0)
                .map(OptionalDouble::of)
                .orElse(OptionalDouble.empty());
    }

    private int originalPositions(JsonObject rope, Optional<Integer> outside) {
        return outside.or(() -> rope.optionalPositiveInt("original_max_position_embeddings"))
                .orElseGet(() -> root.positiveInt("max_position_embeddings"));
    }
}
