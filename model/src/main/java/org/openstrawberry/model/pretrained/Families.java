package org.openstrawberry.model.pretrained;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.Collectors;

/** The supported families, each as its differences from Llama, and how a {@code config.json} names one. */
final class Families {
    private static final List<Family> ALL = List.of(
            new Llama(), new Mistral(), new Qwen2(), new Qwen3(), new Gemma2(), new Gemma3(), new Phi3(), new Gpt2());

    private Families() {}

    /** Of {@code Gemma3TextConfig}: published configurations leave out those that they share with it. */
    private static final Map<String, Integer> GEMMA3_SIZES = Map.of(
            "vocab_size",
            262_208,
            "hidden_size",
            2304,
            "intermediate_size",
            9216,
            "num_hidden_layers",
            26,
            "num_attention_heads",
            8);

    /** Root-mean-square norms, rotary positions, grouped query heads, SwiGLU (Touvron et al. 2023, arXiv 2302.13971). */
    private static final class Llama implements Family {
        @Override
        public String modelType() {
            return "llama";
        }

        @Override
        public String name() {
            return "Llama";
        }

        @Override
        public ModelConfig.Builder read(ConfigFile file) {
            ModelConfig.Builder llama = file.decoder(TensorNames.LLAMA);
            Rope rope = file.rope(llama.sizes().headDim());
            return llama.biases(file.biases()).attention(file.everyLayer(OptionalInt.empty(), rope));
        }
    }

    /** A sliding window in every layer (Jiang et al. 2023, arXiv 2310.06825). */
    private static final class Mistral implements Family {
        @Override
        public String modelType() {
            return "mistral";
        }

        @Override
        public String name() {
            return "Mistral";
        }

        @Override
        public ModelConfig.Builder read(ConfigFile file) {
            ModelConfig.Builder llama = file.decoder(TensorNames.LLAMA, OptionalInt.empty(), OptionalInt.of(8));
            OptionalInt window = file.window(OptionalInt.of(4096));
            return llama.maxPositionEmbeddings(file.maxPositions(131_072))
                    .attention(file.everyLayer(window, file.rope(llama.sizes().headDim())));
        }
    }

    /** Biases of query, key and value; a window in the upper layers where it is switched on (arXiv 2407.10671). */
    private static final class Qwen2 implements Family {
        @Override
        public String modelType() {
            return "qwen2";
        }

        @Override
        public String name() {
            return "Qwen2";
        }

        @Override
        public ModelConfig.Builder read(ConfigFile file) {
            ModelConfig.Builder llama = file.decoder(TensorNames.LLAMA, OptionalInt.empty(), OptionalInt.of(32));
            return llama.biases(new Biases(true, false, false))
                    .maxPositionEmbeddings(file.maxPositions(32_768))
                    .attention(upperLayersSlide(file, file.rope(llama.sizes().headDim())));
        }

        static List<LayerAttention> upperLayersSlide(ConfigFile file, Rope rope) {
            OptionalInt window =
                    file.flag("use_sliding_window", false) ? file.window(OptionalInt.of(4096)) : OptionalInt.empty();
            int first = file.root().wholeNumber("max_window_layers", 28);
            return file.layersByType(window, layer -> window.isPresent() && layer >= first, rope, rope);
        }
    }

    /** Norms of each head's query and key in place of biases (arXiv 2505.09388). */
    private static final class Qwen3 implements Family {
        @Override
        public String modelType() {
            return "qwen3";
        }

        @Override
        public String name() {
            return "Qwen3";
        }

        @Override
        public ModelConfig.Builder read(ConfigFile file) {
            ModelConfig.Builder llama = file.decoder(TensorNames.LLAMA, OptionalInt.of(128), OptionalInt.of(32));
            boolean bias = file.flag("attention_bias", false);
            return llama.norms(file.norms(Norms.Kind.RMS, 1e-6, false, true))
                    .biases(new Biases(bias, bias, false))
                    .maxPositionEmbeddings(file.maxPositions(32_768))
                    .attention(
                            Qwen2.upperLayersSlide(file, file.rope(llama.sizes().headDim())));
        }
    }

    /** Norms on both sides, soft caps, every other layer with a window, scaled embeddings (arXiv 2408.00118). */
    private static final class Gemma2 implements Family {
        @Override
        public String modelType() {
            return "gemma2";
        }

        @Override
        public String name() {
            return "Gemma2";
        }

        @Override
        public ModelConfig.Builder read(ConfigFile file) {
            ModelConfig.Builder gemma = gemma(file, false);
            Rope rope = file.rope(gemma.sizes().headDim());
            return gemma.attentionSoftCap(file.cap("attn_logit_softcapping", OptionalDouble.of(50)))
                    .logitSoftCap(file.cap("final_logit_softcapping", OptionalDouble.of(30)))
                    .maxPositionEmbeddings(file.maxPositions(8192))
                    .attention(
                            file.layersByType(file.window(OptionalInt.of(4096)), layer -> layer % 2 == 0, rope, rope));
        }

        static ModelConfig.Builder gemma(ConfigFile file, boolean queryAndKeyNorm) {
            file.refuse("use_bidirectional_attention", "false: every token sees those before it only");
            ModelConfig.Builder llama = file.decoder(TensorNames.GEMMA, OptionalInt.of(256), OptionalInt.of(4));
            boolean bias = file.flag("attention_bias", false);
            return llama.norms(file.norms(Norms.Kind.RMS_PLUS_ONE, 1e-6, true, queryAndKeyNorm))
                    .biases(new Biases(bias, bias, false))
                    .activation(file.activation("hidden_activation", "gelu_pytorch_tanh"))
                    .attentionScale(1
                            / Math.sqrt(file.root()
                                    .optionalPositive("query_pre_attn_scalar")
                                    .orElse(256.0)))
                    .embeddingScale(Math.sqrt(llama.sizes().hiddenSize()))
                    .tieWordEmbeddings(file.flag("tie_word_embeddings", true));
        }
    }

    /**
     * The text model of a configuration: itself, or of a {@code gemma3}, which also sees images, its {@code text_config} with
     * what transformers lets it leave out and what the whole says of tokens and number format.
     */
    static JsonObject textModel(JsonObject root) {
        if (!root.text("model_type").orElse("").equals("gemma3")) {
            return root;
        }
        JsonObject text = root.object("text_config").orElseThrow(() -> root.wrong("text_config", "an object"));
        ObjectNode node = text.node().deepCopy();
        for (String key : List.of("bos_token_id", "eos_token_id", "pad_token_id", "torch_dtype", "dtype")) {
            root.value(key).filter(value -> !node.hasNonNull(key)).ifPresent(value -> node.set(key, value));
        }
        GEMMA3_SIZES.forEach((key, size) -> {
            if (!node.hasNonNull(key)) {
                node.put(key, size);
            }
        });
        node.putNull("final_logit_softcapping"); // transformers does not apply it in the whole
        node.putArray("architectures").add("Gemma3ForCausalLM");
        node.put("model_type", "gemma3_text");
        return new JsonObject(text.path(), text.prefix(), node);
    }

    /** As Gemma 2 with query and key norms for soft caps, five layers with a window to one without (arXiv 2503.19786). */
    private static final class Gemma3 implements Family {
        @Override
        public String modelType() {
            return "gemma3_text";
        }

        @Override
        public String name() {
            return "Gemma3";
        }

        @Override
        public String classifier() {
            return "Gemma3TextForSequenceClassification";
        }

        @Override
        public ModelConfig.Builder read(ConfigFile file) {
            file.refuse("attn_logit_softcapping", "null: transformers does not apply it");
            ModelConfig.Builder gemma = Gemma2.gemma(file, true);
            int headDim = gemma.sizes().headDim();
            int pattern =
                    file.root().optionalPositiveInt("sliding_window_pattern").orElse(6);
            boolean older = file.root().object("rope_parameters").isEmpty();
            return gemma.logitSoftCap(file.cap("final_logit_softcapping", OptionalDouble.empty()))
                    .maxPositionEmbeddings(file.maxPositions(131_072))
                    .attention(file.layersByType(
                            file.window(OptionalInt.of(4096)),
                            layer -> (layer + 1) % pattern != 0,
                            older ? file.globalRope(headDim, 1e6) : file.ropeOfType("full_attention", headDim, 1e6),
                            older ? file.localRope(headDim, 1e4) : file.ropeOfType("sliding_attention", headDim, 1e4)));
        }
    }

    /** Query, key and value in one tensor, gate and up in one; perhaps a window, perhaps heads turned in part. */
    private static final class Phi3 implements Family {
        @Override
        public String modelType() {
            return "phi3";
        }

        @Override
        public String name() {
            return "Phi3";
        }

        @Override
        public ModelConfig.Builder read(ConfigFile file) {
            ModelConfig.Builder llama = file.decoder(TensorNames.PHI3);
            Rope rope = file.partialRope(llama.sizes().headDim());
            return llama.norms(file.norms(Norms.Kind.RMS, 1e-5, false, false))
                    .maxPositionEmbeddings(file.maxPositions(4096))
                    .attention(file.everyLayer(file.window(OptionalInt.empty()), rope));
        }
    }

    /** Learned positions, layer norms, biases everywhere, no gate, matrices the other way round (Radford et al. 2019). */
    private static final class Gpt2 implements Family {
        @Override
        public String modelType() {
            return "gpt2";
        }

        @Override
        public String name() {
            return "GPT2";
        }

        @Override
        public String languageModel() {
            return "GPT2LMHeadModel";
        }

        @Override
        public ModelConfig.Builder read(ConfigFile file) {
            file.refuse("add_cross_attention", "false");
            file.refuse("scale_attn_by_inverse_layer_idx", "false");
            JsonObject root = file.root();
            int hidden = root.positiveInt("n_embd");
            int heads = root.positiveInt("n_head");
            if (hidden % heads != 0) {
                throw root.wrong("n_head", "a divisor of n_embd (" + hidden + ")");
            }
            int layers = root.positiveInt("n_layer");
            ModelConfig.Sizes sizes = new ModelConfig.Sizes(
                    root.positiveInt("vocab_size"),
                    hidden,
                    layers,
                    heads,
                    heads,
                    hidden / heads,
                    root.optionalPositiveInt("n_inner").orElse(4 * hidden));
            double epsilon = root.optionalPositive("layer_norm_epsilon").orElse(1e-5);
            return new ModelConfig.Builder(TensorNames.GPT2, sizes)
                    .norms(new Norms(Norms.Kind.LAYER, epsilon, false, false))
                    .biases(Biases.ALL)
                    .activation(file.activation("activation_function", "gelu_new"))
                    .withoutGate()
                    .attention(file.withoutRope(layers))
                    .attentionScale(file.flag("scale_attn_weights", true) ? 1 / Math.sqrt(sizes.headDim()) : 1)
                    .tieWordEmbeddings(file.flag("tie_word_embeddings", true))
                    .maxPositionEmbeddings(
                            root.optionalPositiveInt("n_positions").orElse(1024))
                    .initializerRange(root.optionalPositive("initializer_range").orElse(0.02));
        }
    }

    // ---- which family a file is of

    static ModelConfig read(JsonObject root, Head... accepted) {
        if (root.value("quantization_config").isPresent()) {
            throw root.wrong("quantization_config", "none: quantized weights are not supported");
        }
        for (Head head : accepted) {
            Optional<Family> family = ALL.stream()
                    .filter(candidate -> isOf(root, candidate, head))
                    .findFirst();
            if (family.isPresent()) {
                ModelConfig.Builder builder = family.get().read(new ConfigFile(root));
                if (head == Head.CLASSIFIER) {
                    builder.labels(labels(root)).logitSoftCap(OptionalDouble.empty());
                }
                return builder.architecture(architecture(family.get(), head)).build();
            }
        }
        String key = root.value("architectures").isPresent() ? "architectures" : "model_type";
        throw root.wrong(
                key,
                key.equals("architectures")
                        ? "one of " + architectures(accepted)
                        : "one of "
                                + ALL.stream()
                                        .map(family -> "\"" + family.modelType() + "\"")
                                        .collect(Collectors.joining(", ")));
    }

    /** The class of the sequence classifiers of a language model's family. */
    static String classifierOf(JsonObject root) {
        return ALL.stream()
                .filter(family -> isOf(root, family, Head.LANGUAGE_MODEL))
                .map(Family::classifier)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException(root.path() + " is of no language model"));
    }

    private static boolean isOf(JsonObject root, Family family, Head head) {
        Optional<JsonNode> architectures = root.value("architectures");
        if (architectures.isPresent()) {
            return architectures.get().size() == 1
                    && architectures.get().path(0).asText().equals(architecture(family, head));
        }
        return head == Head.LANGUAGE_MODEL && root.text("model_type").equals(Optional.of(family.modelType()));
    }

    private static String architecture(Family family, Head head) {
        return head == Head.CLASSIFIER ? family.classifier() : family.languageModel();
    }

    private static String architectures(Head... accepted) {
        List<String> names = new ArrayList<>();
        for (Head head : accepted) {
            ALL.forEach(family -> names.add("\"" + architecture(family, head) + "\""));
        }
        return String.join(", ", names);
    }

    private static int labels(JsonObject root) {
        return root.object("id2label")
                .map(labels -> labels.node().size())
                .or(() -> root.optionalPositiveInt("num_labels"))
                .orElse(2);
    }
}
