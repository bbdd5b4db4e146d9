package org.openstrawberry.model.pretrained;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.chat.ChatTemplate;

/**
 * A Hugging Face model directory: {@code config.json}, {@code tokenizer.json}, weights in safetensors files, and what may
 * stand beside them. Opening checks all of it but the weights' values, and does not start the engine.
 */
public final class ModelDirectory {
    private static final String CONFIG = "config.json";
    private static final String TOKENIZER = "tokenizer.json";
    private static final String TOKENIZER_CONFIG = "tokenizer_config.json";
    private static final String GENERATION_CONFIG = "generation_config.json";

    /** Where a run directory, which is easily taken for a model's, has one. */
    private static final String POLICY = "policy";

    /** As transformers 4 parts weights. */
    static final long SHARD_BYTES = 5_000_000_000L;

    /** What a copy of the model takes along unchanged, where it is there. */
    private static final List<String> COMPANIONS = List.of(
            TOKENIZER,
            TOKENIZER_CONFIG,
            GENERATION_CONFIG,
            "special_tokens_map.json",
            "added_tokens.json",
            "vocab.json",
            "merges.txt",
            "tokenizer.model",
            "chat_template.jinja",
            "chat_template.json");

    private final Path path;
    private final JsonObject configFile;
    private final ModelConfig config;
    private final Vocabulary vocabulary;
    private final Set<Integer> eosIds;
    private final int padId;

    private ModelDirectory(
            Path path,
            JsonObject configFile,
            ModelConfig config,
            Vocabulary vocabulary,
            Set<Integer> eosIds,
            int padId) {
        this.path = path;
        this.configFile = configFile;
        this.config = config;
        this.vocabulary = vocabulary;
        this.eosIds = Collections.unmodifiableSet(eosIds);
        this.padId = padId;
    }

    /**
     * Opens and checks a directory: its configuration first, then the tokenizer, then the headers of the weights.
     *
     * @throws InvalidInputException if a file is missing, broken or unfit; the message names the file
     */
    public static ModelDirectory open(Path path) {
        return open(path, Head.LANGUAGE_MODEL);
    }

    /**
     * As {@link #open(Path)}, for a sequence classifier.
     *
     * @throws InvalidInputException if a file is missing, broken or unfit; the message names the file
     */
    public static ModelDirectory openClassifier(Path path) {
        return open(path, Head.CLASSIFIER);
    }

    /**
     * As {@link #open(Path)}, for a language model or a sequence classifier.
     *
     * @throws InvalidInputException if a file is missing, broken or unfit; the message names the file
     */
    public static ModelDirectory openEither(Path path) {
        return open(path, Head.LANGUAGE_MODEL, Head.CLASSIFIER);
    }

    private static ModelDirectory open(Path path, Head... heads) {
        ModelDirectory directory = openWithoutWeights(path, heads);
        WeightFiles.find(path, directory.config);
        return directory;
    }

    /** Opens a directory that has a configuration and a tokenizer, and may yet lack weights. */
    static ModelDirectory openWithoutWeights(Path path, Head... heads) {
        if (!Files.isDirectory(path)) {
            throw new InvalidInputException(path + ": "
                    + (Files.exists(path) ? "found a file" : "no such directory")
                    + ", expected a model directory with config.json, tokenizer.json and model.safetensors");
        }
        Path policy = path.resolve(POLICY);
        if (!Files.exists(path.resolve(CONFIG)) && Files.exists(policy.resolve(CONFIG))) {
            throw new InvalidInputException(
                    path + ": is no model directory, it has no " + CONFIG + "; expected one, such as " + policy);
        }
        JsonObject configFile = Families.textModel(JsonObject.read(path.resolve(CONFIG)));
        ModelConfig config = ModelConfig.of(configFile, heads);
        Path tokenizerFile = path.resolve(TOKENIZER);
        Vocabulary vocabulary = Vocabulary.read(tokenizerFile);
        // Added tokens may go beyond, such as the image token of text models that were cut from a larger one.
        if (vocabulary.modelSize() > config.vocabSize()) {
            throw new InvalidInputException(tokenizerFile + ": found token ids up to " + (vocabulary.modelSize() - 1)
                    + ", expected less than " + config.vocabSize() + ", the vocab_size of config.json");
        }
        Tokenizer.open(tokenizerFile, vocabulary).close();
        SpecialIds special = new SpecialIds(
                JsonObject.readIfPresent(path.resolve(GENERATION_CONFIG)),
                configFile,
                JsonObject.readIfPresent(path.resolve(TOKENIZER_CONFIG)),
                vocabulary,
                config.vocabSize());
        Set<Integer> eosIds = special.of("eos_token_id", "eos_token");
        if (eosIds.isEmpty() && !config.classifies()) {
            throw new InvalidInputException(path.resolve(CONFIG)
                    + ": eos_token_id is missing, expected there, in generation_config.json or in tokenizer_config.json:"
                    + " without it no text ever ends");
        }
        int padId = Stream.concat(special.of("pad_token_id", "pad_token").stream(), eosIds.stream())
                .findFirst()
                .orElse(0);
        return new ModelDirectory(path, configFile, config, vocabulary, eosIds, padId);
    }

    /** The directory. */
    public Path path() {
        return path;
    }

    /** The model's shape. */
    public ModelConfig config() {
        return config;
    }

    /** Opens the tokenizer; the caller closes it. */
    public Tokenizer tokenizer() {
        return Tokenizer.open(path.resolve(TOKENIZER), vocabulary);
    }

    /**
     * The chat template, if there is one: {@code chat_template.jinja}, else {@code tokenizer_config.json}'s, of a list the
     * one named {@code default}.
     *
     * @throws InvalidInputException if it is not a text
     */
    public Optional<ChatTemplate> chatTemplate() {
        return ChatTemplateFiles.read(path);
    }

    /**
     * Ids of the tokens that end a text, the main one first: from {@code generation_config.json}, else
     * {@code config.json}, else {@code tokenizer_config.json}.
     */
    public Set<Integer> eosIds() {
        return eosIds;
    }

    /** Id of the padding token, found as the end tokens are; where none is set, the main end token. */
    public int padId() {
        return padId;
    }

    /**
     * Id of the token that a sequence classifier does not read: {@code pad_token_id} of {@code config.json}, as
     * transformers has it, and nothing else.
     */
    public OptionalInt classifierPadId() {
        return configFile
                .value("pad_token_id")
                .filter(id -> id.intValue() >= 0)
                .map(id -> OptionalInt.of(id.intValue()))
                .orElse(OptionalInt.empty());
    }

    /**
     * Reads the weights. With tied embeddings they hold no {@code lm_head.weight}.
     *
     * @param parent whose closing also closes the weights, and whose device they are on
     * @return the tensors of {@link ModelConfig#tensorShapes()} in that order, as float32
     */
    public Weights load(NDManager parent) {
        return WeightFiles.find(path, config).load(config, parent);
    }

    /** The element types that the weights have in their files, such as {@code BF16}. */
    public Set<String> storedTypes() {
        return WeightFiles.find(path, config).types();
    }

    /**
     * Writes a directory with other weights and all else as it is here, so that what loads this directory loads that one.
     * Its weights are float32, and its configuration says so; they are in one {@code model.safetensors}, or in shards with
     * an index where that would be larger than 5 GB.
     *
     * @param target created if it is not there; files in it are replaced
     * @param weights of this model's shape
     * @throws UncheckedIOException if it cannot be written
     */
    public void export(Path target, Weights weights) {
        export(target, weights, SHARD_BYTES);
    }

    /**
     * As {@link #export(Path, Weights)}, with another size of shards.
     *
     * @param target created if it is not there; files in it are replaced
     * @param weights of this model's shape
     * @param shardBytes most bytes of tensors in a file; a tensor larger than that has a file of its own
     * @throws UncheckedIOException if it cannot be written
     */
    public void export(Path target, Weights weights, long shardBytes) {
        if (!weights.names().equals(config.tensorShapes().keySet())) {
            throw new IllegalArgumentException("the weights are not of the model in " + path);
        }
        copyWithoutWeights(target);
        WeightFiles.write(target, weights.asMap(), shardBytes);
    }

    /**
     * The hash of a directory's weights: SHA-256 of {@code model.safetensors}, or of the hashes of all shards in their
     * order, as lower-case hexadecimal.
     *
     * @throws UncheckedIOException if there are none, or they cannot be read
     */
    public static String weightsSha256(Path directory) {
        try {
            return WeightFiles.sha256(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(directory + ": the weights cannot be read: " + e.getMessage(), e);
        }
    }

    /** Writes all but the weights, for float32 weights. */
    void copyWithoutWeights(Path target) {
        try {
            Files.createDirectories(target);
            write(target.resolve(CONFIG), configForFloat32());
            for (String name : COMPANIONS) {
                Path file = path.resolve(name);
                if (Files.exists(file)) {
                    write(target.resolve(name), Files.readAllBytes(file));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(target + ": cannot be written: " + e.getMessage(), e);
        }
    }

    /**
     * Writes all but the weights of a sequence classifier with one label on this language model, for float32 weights. It
     * does not read this directory's padding token, which the configuration then names.
     */
    void copyAsClassifier(Path target) {
        copyWithoutWeights(target);
        Path file = target.resolve(CONFIG);
        try {
            ObjectMapper exact = exact();
            ObjectNode root = (ObjectNode) exact.readTree(file.toFile());
            root.putArray("architectures").add(Families.classifierOf(configFile));
            // transformers counts the labels by these names and does not write num_labels.
            root.remove("num_labels");
            root.putObject("id2label").put("0", "LABEL_0");
            root.putObject("label2id").put("LABEL_0", 0);
            if (classifierPadId().isEmpty()) {
                root.put("pad_token_id", padId);
            }
            write(file, pretty(exact, root));
        } catch (IOException e) {
            throw new UncheckedIOException(target + ": cannot be written: " + e.getMessage(), e);
        }
    }

    /** Numbers stay as they are written: a configuration that passes through here must not lose a digit. */
    private static ObjectMapper exact() {
        return JsonMapper.builder()
                .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
                .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
                .build();
    }

    private byte[] configForFloat32() throws IOException {
        byte[] original = Files.readAllBytes(configFile.path());
        ObjectMapper exact = exact();
        ObjectNode whole = (ObjectNode) exact.readTree(original);
        ObjectNode root =
                Families.textModel(new JsonObject(configFile.path(), "", whole)).node();
        boolean changed = root != whole;
        for (String key : new String[] {"torch_dtype", "dtype"}) {
            JsonNode value = root.get(key);
            if (value != null && !value.asText().equals("float32")) {
                root.put(key, "float32");
                changed = true;
            }
        }
        return changed ? pretty(exact, root) : original;
    }

    private static byte[] pretty(ObjectMapper mapper, ObjectNode root) throws JsonProcessingException {
        return mapper.writerWithDefaultPrettyPrinter().writeValueAsBytes(root);
    }

    private static void write(Path file, byte[] bytes) throws IOException {
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.WRITE, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
            channel.force(true);
        }
    }

    /** The ids of special tokens, wherever a directory gives them. */
    private record SpecialIds(
            Optional<JsonObject> generationConfig,
            JsonObject config,
            Optional<JsonObject> tokenizerConfig,
            Vocabulary vocabulary,
            int vocabSize) {
        Set<Integer> of(String idKey, String tokenKey) {
            Set<Integer> ids = generationConfig.map(file -> byId(file, idKey)).orElse(Set.of());
            if (ids.isEmpty()) {
                ids = byId(config, idKey);
            }
            return ids.isEmpty()
                    ? tokenizerConfig.map(file -> byToken(file, tokenKey)).orElse(Set.of())
                    : ids;
        }

        /** A number or a list of them; old configurations say -1 where there is none. */
        private Set<Integer> byId(JsonObject file, String key) {
            Set<Integer> ids = new LinkedHashSet<>();
            file.value(key).ifPresent(value -> {
                for (JsonNode id : value.isArray() ? value : List.of(value)) {
                    if (!id.isInt() || id.intValue() >= vocabSize) {
                        throw file.wrong(key, "token ids below vocab_size (" + vocabSize + ")");
                    }
                    if (id.intValue() >= 0) {
                        ids.add(id.intValue());
                    }
                }
            });
            return ids;
        }

        /** A token's text, plain or inside an object. */
        private Set<Integer> byToken(JsonObject file, String key) {
            Set<Integer> ids = new LinkedHashSet<>();
            file.value(key).ifPresent(value -> {
                String token = value.isObject() ? value.path("content").asText() : value.asText();
                ids.add(vocabulary.id(token).orElseThrow(() -> file.wrong(key, "a token of tokenizer.json")));
            });
            return ids;
        }
    }
}
