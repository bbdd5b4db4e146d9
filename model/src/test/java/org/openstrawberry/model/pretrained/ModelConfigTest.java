package org.openstrawberry.model.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
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
                .isEqualTo(
                        new ModelConfig(384, 64, 2, 4, 2, 16, 112, 1e-5, 10_000, Optional.empty(), false, 128, 0.02));
    }

    @Test
    void readsTheLayoutOfTransformers4() {
        assertThat(ModelConfig.read(Vectors.model("llama_rope_llama3").resolve("config.json")))
                .isEqualTo(new ModelConfig(
                        384,
                        64,
                        2,
                        4,
                        2,
                        16,
                        112,
                        1e-6,
                        500_000,
                        Optional.of(new RopeScaling(8, 1, 4, 32)),
                        false,
                        128,
                        0.02));
    }

    @Test
    void absentAndNullKeysHaveTheValuesOfTransformers() throws IOException {
        assertThat(read(", \"num_key_value_heads\": null, \"head_dim\": null, \"rope_scaling\": null"))
                .isEqualTo(read(""))
                .isEqualTo(
                        new ModelConfig(45, 64, 2, 2, 2, 32, 176, 1e-6, 10_000, Optional.empty(), false, 2048, 0.02));
    }

    @Test
    void scalingMayStandInRopeParametersAndNameItsTypeInTheOldWay() throws IOException {
        String llama3 = "\"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4,"
                + " \"original_max_position_embeddings\": 8192}";
        Optional<RopeScaling> expected = Optional.of(new RopeScaling(8, 1, 4, 8192));
        ModelConfig five = read(", \"rope_parameters\": {\"rope_type\": \"llama3\", \"rope_theta\": 5e5, " + llama3);
        assertThat(five.ropeScaling()).isEqualTo(expected);
        assertThat(five.ropeTheta()).isEqualTo(500_000);
        assertThat(read(", \"rope_scaling\": {\"type\": \"llama3\", " + llama3).ropeScaling())
                .isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4} | rope_scaling.rope_type: found \"yarn\", expected \"default\" or \"llama3\"",
                "\"rope_scaling\": {\"rope_type\": \"llama3\"} | rope_scaling.factor is missing, expected a number > 0",
                "\"rope_parameters\": 3 | rope_parameters: found 3, expected an object",
                "\"attention_bias\": true | attention_bias: found true, expected false",
                "\"mlp_bias\": true | mlp_bias: found true, expected false",
                "\"hidden_act\": \"gelu\" | hidden_act: found \"gelu\", expected \"silu\"",
                "\"quantization_config\": {\"bits\": 4} | quantization_config: found {\"bits\":4}, expected none",
                "\"num_key_value_heads\": 3 | num_attention_heads must be a multiple of num_key_value_heads (3), found 2",
                "\"num_key_value_heads\": 0 | num_key_value_heads: found 0, expected a whole number ≥ 1",
                "\"head_dim\": 31 | head_dim must be even, found 31",
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

    @Test
    void anotherArchitectureIsNamed() throws IOException {
        Path file = Files.writeString(
                directory.resolve("config.json"), "{\"architectures\": [\"GPT2LMHeadModel\"], \"vocab_size\": 3}");
        assertThatThrownBy(() -> ModelConfig.read(file))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage(file + ": architectures: found [\"GPT2LMHeadModel\"], expected [\"LlamaForCausalLM\"],"
                        + " the supported architecture");
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

    private ModelConfig read(String more) throws IOException {
        return ModelConfig.read(Files.writeString(directory.resolve("config.json"), MINIMAL.replace("MORE", more)));
    }
}
