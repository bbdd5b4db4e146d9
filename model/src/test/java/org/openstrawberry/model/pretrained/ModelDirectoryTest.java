package org.openstrawberry.model.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.safetensors.SafetensorsFile;
import org.openstrawberry.model.safetensors.SafetensorsWriter;

class ModelDirectoryTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path temporary;
    private final Path directory;
    private final NDManager manager;

    ModelDirectoryTest(@TempDir Path temporary) {
        this.temporary = temporary;
        manager = Torch.start(1, "cpu");
        directory = Vectors.copy(Vectors.model("llama"), temporary.resolve("model"));
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @MethodSource("org.openstrawberry.model.Vectors#llamas")
    void loadsTheWeightsThatTheConfigurationDescribes(String name) {
        ModelDirectory model = ModelDirectory.open(Vectors.model(name));
        try (Weights weights = model.load(manager);
                SafetensorsFile file = SafetensorsFile.open(model.path().resolve("model.safetensors"))) {
            assertThat(weights.names())
                    .containsExactlyElementsOf(model.config().tensorShapes().keySet())
                    .containsExactlyInAnyOrderElementsOf(file.names());
            weights.asMap()
                    .forEach((tensor, array) -> assertThat(array.toFloatArray())
                            .containsExactly(file.read(tensor, manager).toFloatArray()));
        }
    }

    @Test
    void tiedWeightsHoldNoOutputLayer() {
        try (Weights weights =
                ModelDirectory.open(Vectors.model("llama_tied_bf16")).load(manager)) {
            assertThat(weights.contains(ModelConfig.OUTPUT)).isFalse();
            assertThat(weights.get(ModelConfig.EMBEDDING).getShape()).isEqualTo(new Shape(400, 64));
        }
    }

    @Test
    void endTokensComeFromTheGenerationConfigurationFirst() throws IOException {
        assertThat(ModelDirectory.open(directory).eosIds()).containsExactly(5, 1);
        assertThat(ModelDirectory.open(directory).padId()).isEqualTo(2);

        Files.delete(directory.resolve("generation_config.json"));
        edit("config.json", root -> root.put("eos_token_id", 1).put("pad_token_id", 3));
        assertThat(ModelDirectory.open(directory).eosIds()).containsExactly(1);
        assertThat(ModelDirectory.open(directory).padId()).isEqualTo(3);

        edit("config.json", root -> root.putNull("eos_token_id").put("pad_token_id", -1));
        assertThat(ModelDirectory.open(directory).eosIds()).containsExactly(5);
        assertThat(ModelDirectory.open(directory).padId()).isEqualTo(2);

        edit(
                "tokenizer_config.json",
                root -> root.putNull("pad_token").putObject("eos_token").put("content", "<|begin_of_text|>"));
        assertThat(ModelDirectory.open(directory).eosIds()).containsExactly(0);
        assertThat(ModelDirectory.open(directory).padId()).isEqualTo(0);

        Files.delete(directory.resolve("tokenizer_config.json"));
        assertThatOpeningSays("config.json: eos_token_id is missing, expected there, in generation_config.json or in"
                + " tokenizer_config.json: without it no text ever ends");
    }

    @Test
    void endTokensOutsideTheVocabularyAreTold() throws IOException {
        edit(
                "generation_config.json",
                root -> root.putArray("eos_token_id").add(5).add(384));
        assertThatOpeningSays(
                "generation_config.json: eos_token_id: found [5,384], expected token ids below vocab_size (384)");
    }

    @Test
    void aRunDirectoryIsToldWithThePolicyInIt() throws IOException {
        Path policy = Files.createDirectory(temporary.resolve("policy"));
        Files.writeString(policy.resolve("config.json"), "{}");

        assertThatThrownBy(() -> ModelDirectory.open(temporary))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage(
                        temporary + ": is no model directory, it has no config.json; expected one, such as " + policy);
    }

    @Test
    void whatIsMissingIsToldWithTheConfigurationFirst() throws IOException {
        Path none = temporary.resolve("none");
        assertThatThrownBy(() -> ModelDirectory.open(none))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith(none + ": no such directory");
        Path empty = Files.createDirectory(temporary.resolve("empty"));
        assertThatThrownBy(() -> ModelDirectory.open(empty))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith(empty.resolve("config.json") + ": no such file");
        Files.delete(directory.resolve("model.safetensors"));
        assertThatOpeningSays("model.safetensors: no such file, expected a safetensors file");
        Files.delete(directory.resolve("tokenizer.json"));
        assertThatOpeningSays("tokenizer.json: no such file");
    }

    @Test
    void aMissingTensorIsTold() {
        rewrite(tensors -> tensors.remove("model.layers.1.mlp.up_proj.weight"));
        assertThatOpeningSays("model.safetensors: tensor \"model.layers.1.mlp.up_proj.weight\" is missing,"
                + " expected by config.json");
    }

    @Test
    void aTensorOfAnotherShapeIsTold() {
        rewrite(tensors -> tensors.put("model.norm.weight", manager.ones(new Shape(63))));
        assertThatOpeningSays(
                "model.safetensors: tensor \"model.norm.weight\": found shape (63), expected (64) by config.json");
    }

    @Test
    void aTensorTooManyIsTold() {
        rewrite(tensors -> tensors.put("model.layers.2.mlp.up_proj.weight", manager.ones(new Shape(112, 64))));
        assertThatOpeningSays("model.safetensors: tensor \"model.layers.2.mlp.up_proj.weight\" is not part of the"
                + " model that config.json describes");
    }

    @Test
    void aTensorOfWholeNumbersIsTold() {
        rewrite(tensors -> tensors.put("model.norm.weight", manager.create(new long[64])));
        assertThatOpeningSays(
                "model.safetensors: tensor \"model.norm.weight\": found dtype I64, expected F32, BF16" + " or F16");
    }

    @Test
    void aTruncatedFileIsTold() throws IOException {
        Path file = directory.resolve("model.safetensors");
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, whole.length - 100));
        assertThatThrownBy(() -> ModelDirectory.open(directory))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith(file + ": truncated in tensor \"model.norm.weight\": found ");
    }

    @Test
    void storedRotaryFrequenciesAreLeftOut() {
        rewrite(tensors -> tensors.put("model.layers.0.self_attn.rotary_emb.inv_freq", manager.ones(new Shape(8))));
        try (Weights weights = ModelDirectory.open(directory).load(manager)) {
            assertThat(weights.names()).hasSize(21);
        }
    }

    @Test
    void aStoredOutputLayerOfTiedWeightsMustEqualTheEmbedding() throws IOException {
        edit("config.json", root -> root.put("tie_word_embeddings", true));
        ModelDirectory unequal = ModelDirectory.open(directory);
        assertThatThrownBy(() -> unequal.load(manager))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageContaining("tensor \"lm_head.weight\" differs from the embedding");
        rewrite(tensors -> tensors.replace(
                "lm_head.weight", tensors.getOrDefault("model.embed_tokens.weight", manager.create(0f))));
        try (Weights weights = ModelDirectory.open(directory).load(manager)) {
            assertThat(weights.contains("lm_head.weight")).isFalse();
        }
    }

    @Test
    void aTokenizerThatIsTooLargeForTheModelIsTold() throws IOException {
        edit("config.json", root -> root.put("vocab_size", 100));
        assertThatThrownBy(() -> ModelDirectory.open(directory))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith(directory.resolve("tokenizer.json") + ": found token ids up to ")
                .hasMessageEndingWith(", expected less than 100, the vocab_size of config.json");
    }

    @Test
    void anAddedTokenThatTheModelDoesNotHaveIsLeftAlone() throws IOException {
        edit(
                "tokenizer.json",
                root -> ((ObjectNode) root.withArray("added_tokens").addObject())
                        .put("id", 384)
                        .put("content", "<image>")
                        .put("single_word", false)
                        .put("lstrip", false)
                        .put("rstrip", false)
                        .put("normalized", false)
                        .put("special", true));
        ModelDirectory model = ModelDirectory.open(directory);
        try (Tokenizer tokenizer = model.tokenizer()) {
            assertThat(tokenizer.encodeWithout("<image>")).containsExactly(384);
        }
    }

    @Test
    void shardsLoadAsOneFile() throws IOException {
        Map<String, float[]> expected = new LinkedHashMap<>();
        try (Weights weights = ModelDirectory.open(directory).load(manager)) {
            weights.asMap().forEach((name, array) -> expected.put(name, array.toFloatArray()));
        }
        shard();
        ModelDirectory sharded = ModelDirectory.open(directory);
        try (Weights weights = sharded.load(manager)) {
            assertThat(weights.names()).containsExactlyElementsOf(expected.keySet());
            expected.forEach((name, values) ->
                    assertThat(weights.get(name).toFloatArray()).containsExactly(values));
            Path exported = temporary.resolve("exported");
            sharded.export(exported, weights);
            assertThat(exported).isDirectoryNotContaining("glob:**.index.json");
            assertThat(ModelDirectory.open(exported).config()).isEqualTo(sharded.config());
        }
    }

    @Test
    void anExportOverTheSizeLimitIsParted() throws IOException {
        ModelDirectory model = ModelDirectory.open(directory);
        Path target = temporary.resolve("exported");
        try (Weights weights = model.load(manager)) {
            model.export(target, weights);
            String whole = ModelDirectory.weightsSha256(target);
            model.export(target, weights, 100_000);
            assertThat(target)
                    .isDirectoryContaining("glob:**/model-00001-of-00006.safetensors")
                    .isDirectoryContaining("glob:**/model.safetensors.index.json")
                    .isDirectoryNotContaining("glob:**/model.safetensors");
            ModelDirectory exported = ModelDirectory.open(target);
            try (Weights read = exported.load(manager)) {
                assertThat(read.names()).containsExactlyElementsOf(weights.names());
                weights.asMap()
                        .forEach((name, array) ->
                                assertThat(read.get(name).toFloatArray()).containsExactly(array.toFloatArray()));
            }
            String parted = ModelDirectory.weightsSha256(target);
            assertThat(parted).isNotEqualTo(whole);
            model.export(target, weights);
            assertThat(target).isDirectoryNotContaining("glob:**/model*{-0,index}*");
            assertThat(ModelDirectory.weightsSha256(target)).isEqualTo(whole);
        }
    }

    @Test
    void tensorsOfABareModelAreFound() {
        rewrite(tensors -> {
            Map<String, NDArray> bare = new LinkedHashMap<>();
            tensors.forEach((name, array) -> bare.put(name.replaceFirst("^model\\.", ""), array));
            tensors.clear();
            tensors.putAll(bare);
        });
        try (Weights weights = ModelDirectory.open(directory).load(manager)) {
            assertThat(weights.names()).contains("model.embed_tokens.weight", "lm_head.weight");
        }
    }

    /** In the two ways in which transformers has named its tensors. */
    @Test
    void theTextModelOfAGemma3ThatSeesImagesIsFoundAndExportedAlone() throws IOException {
        Path start = Vectors.copy(Vectors.model("gemma2"), temporary.resolve("start"));
        ObjectNode text = (ObjectNode) Vectors.json(Vectors.family("gemma3").resolve("config.json"));
        text.put("vocab_size", 400).put("initializer_range", 0.3).putNull("final_logit_softcapping");
        JSON.writeValue(start.resolve("config.json").toFile(), text);
        Path plain = temporary.resolve("plain");
        ModelInitializer.init(start, 3, plain);
        ModelDirectory alone = ModelDirectory.open(plain);
        for (String prefix : List.of("language_model.model.", "model.language_model.")) {
            Path whole = Vectors.copy(plain, temporary.resolve(prefix));
            ObjectNode root = JSON.createObjectNode();
            root.putArray("architectures").add("Gemma3ForConditionalGeneration");
            root.put("model_type", "gemma3").put("eos_token_id", 1).put("pad_token_id", 0);
            ObjectNode inner = text.deepCopy();
            inner.remove(List.of("architectures", "eos_token_id", "pad_token_id"));
            inner.put("final_logit_softcapping", 5.0);
            root.set("text_config", inner);
            root.putObject("vision_config").put("hidden_size", 8);
            JSON.writeValue(whole.resolve("config.json").toFile(), root);
            Map<String, NDArray> tensors = new LinkedHashMap<>();
            tensors.put(
                    (prefix.startsWith("model.") ? "model." : "") + "vision_tower.patch.weight",
                    manager.zeros(new Shape(2, 2)));
            try (Weights weights = alone.load(manager)) {
                weights.asMap().forEach((name, array) -> tensors.put(name.replaceFirst("^model\\.", prefix), array));
                SafetensorsWriter.write(whole.resolve("model.safetensors"), tensors);
            }

            ModelDirectory found = ModelDirectory.open(whole);

            assertThat(found.config()).isEqualTo(alone.config());
            assertThat(found.eosIds()).isEqualTo(alone.eosIds());
            Path exported = temporary.resolve(prefix + "exported");
            try (Weights weights = found.load(manager)) {
                found.export(exported, weights);
            }
            assertThat(exported.resolve("model.safetensors"))
                    .hasSameBinaryContentAs(plain.resolve("model.safetensors"));
            assertThat(Vectors.json(exported.resolve("config.json"))
                            .path("model_type")
                            .asText())
                    .isEqualTo("gemma3_text");
            assertThat(ModelDirectory.open(exported).config()).isEqualTo(alone.config());
        }
    }

    @Test
    void anIndexThatNamesAMissingShardIsTold() throws IOException {
        shard();
        Files.delete(directory.resolve("model-00002-of-00002.safetensors"));
        assertThatOpeningSays("model.safetensors.index.json: weight_map names the shard"
                + " \"model-00002-of-00002.safetensors\", which does not exist");
    }

    @Test
    void anIndexThatDiffersFromItsShardsIsTold() throws IOException {
        shard();
        edit(
                "model.safetensors.index.json",
                root -> ((ObjectNode) root.get("weight_map"))
                        .put("model.norm.weight", "model-00001-of-00002.safetensors"));
        assertThatOpeningSays("model-00001-of-00002.safetensors: tensor \"model.norm.weight\" is missing");
        edit("model.safetensors.index.json", root -> ((ObjectNode) root.get("weight_map")).remove("model.norm.weight"));
        assertThatOpeningSays("model-00002-of-00002.safetensors: tensor \"model.norm.weight\" is not where"
                + " model.safetensors.index.json has it");
        edit(
                "model.safetensors.index.json",
                root -> ((ObjectNode) root.get("weight_map")).put("model.norm.weight", "../other.safetensors"));
        assertThatOpeningSays("model.safetensors.index.json: weight_map.model.norm.weight: found"
                + " \"../other.safetensors\", expected the name of a file in the same directory");
    }

    @Test
    void anExportHoldsTheGivenWeightsAndAllElseUnchanged() throws IOException {
        ModelDirectory model = ModelDirectory.open(directory);
        Path target = temporary.resolve("a/b");
        try (Weights weights = model.load(manager)) {
            weights.get("model.norm.weight").muli(2);
            model.export(target, weights);
            for (String name : new String[] {
                "config.json",
                "tokenizer.json",
                "tokenizer_config.json",
                "generation_config.json",
                "chat_template.jinja"
            }) {
                assertThat(target.resolve(name)).hasSameBinaryContentAs(directory.resolve(name));
            }
            try (Weights read = ModelDirectory.open(target).load(manager);
                    SafetensorsFile file = SafetensorsFile.open(target.resolve("model.safetensors"))) {
                weights.asMap()
                        .forEach((name, array) ->
                                assertThat(read.get(name).toFloatArray()).containsExactly(array.toFloatArray()));
                assertThat(file.metadata()).containsEntry("format", "pt");
            }
        }
    }

    @Test
    void anExportOfBfloatWeightsSaysThatItsOwnAreFloat32() {
        ModelDirectory model = ModelDirectory.open(Vectors.model("llama_tied_bf16"));
        Path target = temporary.resolve("exported");
        try (Weights weights = model.load(manager)) {
            model.export(target, weights);
        }
        ObjectNode config = (ObjectNode) Vectors.json(target.resolve("config.json"));
        assertThat(config.get("dtype").textValue()).isEqualTo("float32");
        ObjectNode original = (ObjectNode) Vectors.json(model.path().resolve("config.json"));
        assertThat(config.put("dtype", "bfloat16")).isEqualTo(original);
        try (SafetensorsFile file = SafetensorsFile.open(target.resolve("model.safetensors"))) {
            assertThat(file.names()).doesNotContain("lm_head.weight");
            assertThat(file.type("model.norm.weight").readsAsFloat()).isTrue();
        }
    }

    @Test
    void weightsOfAnotherModelAreNotExported() {
        ModelDirectory model = ModelDirectory.open(directory);
        Weights other = Weights.of(manager, Map.of("model.norm.weight", manager.ones(new Shape(64))));
        assertThatThrownBy(() -> model.export(temporary.resolve("exported"), other))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(temporary.resolve("exported")).doesNotExist();
    }

    private void assertThatOpeningSays(String message) {
        assertThatThrownBy(() -> ModelDirectory.open(directory))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage(directory + File.separator + message);
    }

    private void edit(String name, Consumer<ObjectNode> change) throws IOException {
        Path file = directory.resolve(name);
        ObjectNode root = (ObjectNode) Vectors.json(file);
        change.accept(root);
        JSON.writeValue(file.toFile(), root);
    }

    private void rewrite(Consumer<Map<String, NDArray>> change) {
        Path file = directory.resolve("model.safetensors");
        Map<String, NDArray> tensors = tensors(file);
        change.accept(tensors);
        SafetensorsWriter.write(file, tensors);
    }

    private Map<String, NDArray> tensors(Path file) {
        Map<String, NDArray> tensors = new LinkedHashMap<>();
        try (SafetensorsFile read = SafetensorsFile.open(file)) {
            read.names().forEach(name -> tensors.put(name, read.read(name, manager)));
        }
        return tensors;
    }

    private void shard() throws IOException {
        Path single = directory.resolve("model.safetensors");
        Map<String, NDArray> first = new LinkedHashMap<>();
        Map<String, NDArray> second = new LinkedHashMap<>();
        ObjectNode index = JSON.createObjectNode();
        ObjectNode map = index.putObject("weight_map");
        tensors(single).forEach((name, array) -> {
            boolean early = first.size() < 10;
            (early ? first : second).put(name, array);
            map.put(name, early ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors");
        });
        SafetensorsWriter.write(directory.resolve("model-00001-of-00002.safetensors"), first);
        SafetensorsWriter.write(directory.resolve("model-00002-of-00002.safetensors"), second);
        JSON.writeValue(directory.resolve("model.safetensors.index.json").toFile(), index);
        Files.delete(single);
    }
}
