package org.openstrawberry.model.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.Vectors;

class ModelConfigTest {
    private static final String MINIMAL = """
            {"architectures": ["LlamaForCausalLM"], "vocab_size": 45, "hidden_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 2, "intermediate_size": 176MORE}
            """;

    private final Path directory;

    ModelConfigTest(@TempDir Path directory) {
        this.directory = directory;
    }

    @Test
    void readsTheLayoutOfTransformers5() {
        assertThat(ModelConfig.read(Vectors.model("llama").resolve("config.json")))
                .isEqualTo(ModelConfig.llama(384, 64, 2, 4, 2, 16, 112)
                        .norms(new Norms(Norms.Kind.RMS, 1e-5, false, false))
                        .maxPositionEmbeddings(128)
                        .build());
    }

    @Test
    void readsTheLayoutOfTransformers4() {
        Rope rope = new Rope(16, 500_000, new RopeScaling.Llama3(8, 1, 4, 32));
        LayerAttention layer = new LayerAttention(OptionalInt.empty(), Optional.of(rope));
        assertThat(ModelConfig.read(Vectors.model("llama_rope_llama3").resolve("config.json")))
                .isEqualTo(ModelConfig.llama(384, 64, 2, 4, 2, 16, 112)
                        .attention(List.of(layer, layer))
                        .maxPositionEmbeddings(128)
                        .build());
    }

    @Test
    void absentAndNullKeysHaveTheValuesOfTransformers() throws IOException {
        assertThat(read(", \"num_key_value_heads\": null, \"head_dim\": null, \"rope_scaling\": null"))
                .isEqualTo(read(""))
                .isEqualTo(ModelConfig.llama(45, 64, 2, 2, 2, 32, 176).build());
    }

    @Test
    void scalingMayStandInRopeParametersAndNameItsTypeInTheOldWay() throws IOException {
        String llama3 = "\"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4,"
                + " \"original_max_position_embeddings\": 8192}";
        RopeScaling expected = new RopeScaling.Llama3(8, 1, 4, 8192);
        assertThat(rope(", \"rope_parameters\": {\"rope_type\": \"llama3\", \"rope_theta\": 5e5, " + llama3))
                .isEqualTo(new Rope(32, 500_000, expected));
        assertThat(rope(", \"rope_scaling\": {\"type\": \"llama3\", " + llama3))
                .isEqualTo(new Rope(32, 10_000, expected));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"rope_scaling\": {\"rope_type\": \"dynamic\", \"factor\": 4} | rope_scaling.rope_type: found \"dynamic\", expected \"default\", \"linear\", \"llama3\" or \"yarn\"",
                "\"rope_scaling\": {\"rope_type\": \"longrope\"} | rope_scaling.rope_type: found \"longrope\", expected ",
                "\"partial_rotary_factor\": 0.5 | partial_rotary_factor: found 0.5, expected 1.0",
                "\"rope_scaling\": {\"rope_type\": \"llama3\"} | rope_scaling.factor is missing, expected a number > 0",
                "\"rope_parameters\": 3 | rope_parameters: found 3, expected an object",
                "\"hidden_act\": \"mish\" | hidden_act: found \"mish\", expected one of \"silu\", ",
                "\"quantization_config\": {\"bits\": 4} | quantization_config: found {\"bits\":4}, expected none",
                "\"num_key_value_heads\": 3 | num_attention_heads must be a multiple of num_key_value_heads (3), found 2",
                "\"num_key_value_heads\": 0 | num_key_value_heads: found 0, expected a whole number ≥ 1",
                "\"head_dim\": 31 | the turned dimensions of a head (head_dim × partial_rotary_factor) must be even, found 31",
                "\"rms_norm_eps\": \"small\" | rms_norm_eps: found \"small\", expected a number > 0",
                "\"tie_word_embeddings\": 1 | tie_word_embeddings: found 1, expected true or false",
            })
    void refusesWhatItDoesNotSupport(String key, String message) {
        assertThatThrownBy(() -> read(", " + key))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith(directory.resolve("config.json") + ": " + message)
                .message()
                .hasLineCount(1);
    }

    private static final String SIZES = """
            "vocab_size": 45, "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 2,
            "num_key_value_heads": 2, "intermediate_size": 176, "max_position_embeddings": 4096""";

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "mistral | | 4096,4096,4096,4096",
                "mistral | \"sliding_window\": null | ,,,",
                "qwen2 | \"sliding_window\": 8, \"max_window_layers\": 1 | ,,,",
                "qwen2 | \"use_sliding_window\": true, \"sliding_window\": 8, \"max_window_layers\": 1 | ,8,8,8",
                "qwen3 | \"use_sliding_window\": true, \"max_window_layers\": 3 | ,,,4096",
                "qwen3 | \"use_sliding_window\": true, \"sliding_window\": 9, \"layer_types\": [\"sliding_attention\", \"full_attention\", \"full_attention\", \"sliding_attention\"] | 9,,,9",
                "gemma2 | \"sliding_window\": 8 | 8,,8,",
                "gemma3_text | \"sliding_window\": 8, \"sliding_window_pattern\": 3 | 8,8,,8",
                "gemma3_text | | 4096,4096,4096,4096",
                "phi3 | | ,,,",
                "phi3 | \"sliding_window\": 7 | 7,7,7,7",
            })
    void windowsOfEachLayerAreThoseOfTransformers(String family, @Nullable String keys, String windows)
            throws IOException {
        ModelConfig config = family(family, keys);
        assertThat(config.attention().stream()
                        .map(layer ->
                                layer.window().isPresent() ? "" + layer.window().getAsInt() : "")
                        .collect(Collectors.joining(",")))
                .isEqualTo(windows);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "gemma2 | \"use_bidirectional_attention\": true | use_bidirectional_attention: found true, expected false",
                "gemma3_text | \"attn_logit_softcapping\": 30.0 | attn_logit_softcapping: found 30.0, expected null",
                "gemma3_text | \"rope_parameters\": {\"rope_type\": \"default\"} | rope_parameters: found {\"rope_type\":\"default\"}, expected an object each",
                "gemma3_text | \"rope_scaling\": {\"rope_type\": \"dynamic\"} | rope_scaling.rope_type: found \"dynamic\", expected",
                "qwen3 | \"layer_types\": [\"full_attention\"] | layer_types: found [\"full_attention\"], expected 4 of them",
                "qwen3 | \"use_sliding_window\": true, \"layer_types\": [\"a\", \"a\", \"a\", \"a\"] | layer_types: found [\"a\",\"a\",\"a\",\"a\"], expected \"full_attention\" and",
                "qwen2 | \"layer_types\": [\"sliding_attention\", \"full_attention\", \"full_attention\", \"full_attention\"] | sliding_window: found nothing, expected the window",
                "phi3 | \"rope_scaling\": {\"type\": \"longrope\"} | rope_scaling.type: found \"longrope\", expected",
                "gpt2 | \"scale_attn_by_inverse_layer_idx\": true, \"n_embd\": 4, \"n_head\": 2, \"n_layer\": 1 | scale_attn_by_inverse_layer_idx: found true, expected false",
                "gpt2 | \"n_embd\": 5, \"n_head\": 2, \"n_layer\": 1 | n_head: found 2, expected a divisor of n_embd (5)",
                "gemma3 | | model_type: found \"gemma3\", expected one of \"llama\"",
            })
    void familiesRefuseByNameWhatTheyDoNotCompute(String family, @Nullable String keys, String message) {
        assertThatThrownBy(() -> family(family, keys))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith(directory.resolve("config.json") + ": " + message);
    }

    @Test
    void gemma3ReadsBothLayoutsAlike() throws IOException {
        String older = "\"rope_theta\": 1e6, \"rope_local_base_freq\": 1e4,"
                + " \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 8}, \"sliding_window_pattern\": 2";
        String newer = "\"rope_parameters\": {\"full_attention\": {\"rope_type\": \"linear\", \"factor\": 8,"
                + " \"rope_theta\": 1e6}, \"sliding_attention\": {\"rope_type\": \"default\", \"rope_theta\": 1e4}},"
                + " \"layer_types\": [\"sliding_attention\", \"full_attention\", \"sliding_attention\","
                + " \"full_attention\"]";
        assertThat(family("gemma3_text", older)).isEqualTo(family("gemma3_text", newer));
    }

    private ModelConfig family(String modelType, @Nullable String keys) throws IOException {
        return ModelConfig.read(Files.writeString(
                directory.resolve("config.json"),
                "{\"model_type\": \"" + modelType + "\", " + SIZES + (keys == null ? "" : ", " + keys) + "}"));
    }

    @Test
    void anotherArchitectureIsNamed() throws IOException {
        Path file = Files.writeString(
                directory.resolve("config.json"), "{\"architectures\": [\"BertForMaskedLM\"], \"vocab_size\": 3}");
        assertThatThrownBy(() -> ModelConfig.read(file))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage(file + ": architectures: found [\"BertForMaskedLM\"], expected one of"
                        + " \"LlamaForCausalLM\", \"MistralForCausalLM\", \"Qwen2ForCausalLM\", \"Qwen3ForCausalLM\","
                        + " \"Gemma2ForCausalLM\", \"Gemma3ForCausalLM\", \"Phi3ForCausalLM\", \"GPT2LMHeadModel\"");
    }

    @Test
    void aMissingSizeAndBrokenTextAreTold() throws IOException {
        Path file = directory.resolve("config.json");
        assertThatThrownBy(() -> ModelConfig.read(file))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage(file + ": no such file");
        Files.writeString(file, "{\"model_type\": \"llama\"}");
        assertThatThrownBy(() -> ModelConfig.read(file))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage(file + ": hidden_size is missing, expected a whole number ≥ 1");
        Files.writeString(file, "{\n\"model_type\": llama}");
        assertThatThrownBy(() -> ModelConfig.read(file))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith(file + ":2: not JSON: ")
                .message()
                .hasLineCount(1);
    }

    @Test
    void tensorShapesAreThoseOfTheFile() {
        ModelConfig config = ModelConfig.read(Vectors.model("llama_tied_bf16").resolve("config.json"));
        assertThat(config.tensorShapes())
                .hasSize(20)
                .containsEntry("model.embed_tokens.weight", new Shape(400, 64))
                .containsEntry("model.layers.1.self_attn.k_proj.weight", new Shape(32, 64))
                .containsEntry("model.layers.1.mlp.down_proj.weight", new Shape(64, 112))
                .doesNotContainKey("lm_head.weight");
    }

    private Rope rope(String more) throws IOException {
        return read(more).attention().get(0).rope().orElseThrow();
    }

    private ModelConfig read(String more) throws IOException {
        return ModelConfig.read(Files.writeString(directory.resolve("config.json"), MINIMAL.replace("MORE", more)));
    }
}
