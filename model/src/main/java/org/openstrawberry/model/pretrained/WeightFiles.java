package org.openstrawberry.model.pretrained;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.Sha256;
import org.openstrawberry.model.safetensors.SafetensorsFile;
import org.openstrawberry.model.safetensors.SafetensorsWriter;

/**
 * Where a model's tensors lie: in one file, or in shards that an index names. Files of a bare model, which leave out what
 * all names but the head's begin with, are read as well, and the text part of a model that also sees images.
 *
 * @param main the file that a missing tensor is reported for: the one file, or the index
 * @param places by the tensor's name in the configuration
 */
record WeightFiles(Path main, Map<String, Place> places) {
    /**
     * Where a tensor lies.
     *
     * @param file one of the model's files
     * @param name that it has there
     */
    record Place(Path file, String name) {}

    static final String SINGLE = "model.safetensors";
    static final String INDEX = "model.safetensors.index.json";

    private static final Pattern SHARD = Pattern.compile("model-\\d{5}-of-\\d{5}\\.safetensors");
    /** In the files of transformers 4, and of 5. */
    private static final Pattern TEXT_PART = Pattern.compile("^(?:language_model\\.|(model\\.)language_model\\.)");

    private static final Pattern OTHER_PARTS = Pattern.compile("(model\\.)?(vision_tower|multi_modal_projector)\\..*");
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Finds and checks the weights of a directory, reading headers only. */
    static WeightFiles find(Path directory, ModelConfig config) {
        Path single = directory.resolve(SINGLE);
        Path index = directory.resolve(INDEX);
        if (Files.exists(single) || !Files.exists(index)) {
            Map<String, Place> places = new LinkedHashMap<>();
            try (SafetensorsFile file = SafetensorsFile.open(single)) {
                check(file, file.names(), isPart(file.names()), config, places);
            }
            return new WeightFiles(single, places).complete(config);
        }
        Map<String, Path> shards = placesByIndex(directory, index);
        Map<String, Place> places = new LinkedHashMap<>();
        for (Path shard : new TreeSet<>(shards.values())) {
            Set<String> names = new TreeSet<>();
            shards.forEach((name, file) -> {
                if (file.equals(shard)) {
                    names.add(name);
                }
            });
            try (SafetensorsFile file = SafetensorsFile.open(shard)) {
                check(file, names, isPart(shards.keySet()), config, places);
                for (String name : file.names()) {
                    if (!names.contains(name)) {
                        throw new InvalidInputException(
                                shard + ": tensor \"" + name + "\" is not where " + INDEX + " has it");
                    }
                }
            }
        }
        return new WeightFiles(index, places).complete(config);
    }

    /**
     * Writes float32 tensors to one file, or to shards with an index, in the order given; other weights in the directory
     * are removed.
     *
     * @param shardBytes most bytes of tensors in a file; a tensor larger than that has a file of its own
     */
    static void write(Path directory, Map<String, NDArray> tensors, long shardBytes) {
        List<Map<String, NDArray>> shards = new ArrayList<>();
        long room = 0;
        long total = 0;
        for (Map.Entry<String, NDArray> tensor : tensors.entrySet()) {
            long bytes = tensor.getValue().size() * Float.BYTES;
            if (shards.isEmpty() || bytes > room) {
                shards.add(new LinkedHashMap<>());
                room = shardBytes;
            }
            shards.get(shards.size() - 1).put(tensor.getKey(), tensor.getValue());
            room -= bytes;
            total += bytes;
        }
        try {
            removeAll(directory);
            if (shards.size() == 1) {
                SafetensorsWriter.write(directory.resolve(SINGLE), shards.get(0));
                return;
            }
            ObjectNode index = JSON.createObjectNode();
            index.putObject("metadata").put("total_size", total);
            ObjectNode map = index.putObject("weight_map");
            for (int i = 0; i < shards.size(); i++) {
                String file = String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
                SafetensorsWriter.write(directory.resolve(file), shards.get(i));
                shards.get(i).keySet().forEach(name -> map.put(name, file));
            }
            try (FileChannel channel = FileChannel.open(
                    directory.resolve(INDEX), StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
                ByteBuffer bytes =
                        ByteBuffer.wrap(JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(index));
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                channel.force(true);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(directory + ": cannot be written: " + e.getMessage(), e);
        }
    }

    private static void removeAll(Path directory) throws IOException {
        Files.deleteIfExists(directory.resolve(SINGLE));
        Files.deleteIfExists(directory.resolve(INDEX));
        for (Path shard : shards(directory)) {
            Files.delete(shard);
        }
    }

    private static List<Path> shards(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(
                            file -> SHARD.matcher(file.getFileName().toString()).matches())
                    .sorted()
                    .toList();
        }
    }

    /** Of the one file, or of the hashes of all shards. */
    static String sha256(Path directory) throws IOException {
        Path single = directory.resolve(SINGLE);
        if (Files.exists(single)) {
            return Sha256.of(single);
        }
        StringBuilder hashes = new StringBuilder();
        for (Path shard : shards(directory)) {
            hashes.append(Sha256.of(shard)).append('\n');
        }
        if (hashes.isEmpty()) {
            throw new NoSuchFileException(single.toString());
        }
        return HexFormat.of().formatHex(Sha256.digest().digest(hashes.toString().getBytes(StandardCharsets.US_ASCII)));
    }

    private static Map<String, Path> placesByIndex(Path directory, Path index) {
        JsonObject json = JsonObject.read(index);
        JsonObject map = json.object("weight_map")
                .orElseThrow(() -> json.wrong("weight_map", "an object of shards by tensor name"));
        Map<String, Path> places = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : map.node().properties()) {
            String shard = entry.getValue().asText();
            if (shard.isEmpty() || !Path.of(shard).equals(Path.of(shard).getFileName())) {
                throw map.wrong(entry.getKey(), "the name of a file in the same directory");
            }
            Path file = directory.resolve(shard);
            if (!Files.exists(file)) {
                throw new InvalidInputException(
                        index + ": weight_map names the shard \"" + shard + "\", which does not exist");
            }
            places.put(entry.getKey(), file);
        }
        return places;
    }

    /** Whether the text model is a part of one that also sees images. */
    private static boolean isPart(Set<String> names) {
        return names.stream().anyMatch(name -> TEXT_PART.matcher(name).find());
    }

    private static void check(
            SafetensorsFile file, Set<String> names, boolean part, ModelConfig config, Map<String, Place> places) {
        Map<String, Shape> expected = config.tensorShapes();
        if (!config.classifies() && config.tieWordEmbeddings()) {
            expected.put(ModelConfig.OUTPUT, new Shape(config.vocabSize(), config.hiddenSize()));
        }
        for (String stored : names) {
            if (config.names().ignored().matcher(stored).matches()
                    || (part && OTHER_PARTS.matcher(stored).matches())) {
                continue;
            }
            String inText = part ? TEXT_PART.matcher(stored).replaceFirst("$1") : stored;
            String name = expected.containsKey(inText) ? inText : config.names().base() + inText;
            Shape shape = expected.get(name);
            if (shape == null) {
                throw new InvalidInputException(file.path() + ": tensor \"" + stored
                        + "\" is not part of the model that config.json describes");
            }
            if (!file.shape(stored).equals(shape)) {
                throw new InvalidInputException(file.path() + ": tensor \"" + stored + "\": found shape "
                        + file.shape(stored) + ", expected " + shape + " by config.json");
            }
            if (!file.type(stored).readsAsFloat()) {
                throw new InvalidInputException(file.path() + ": tensor \"" + stored + "\": found dtype "
                        + file.type(stored) + ", expected F32, BF16 or F16");
            }
            places.put(name, new Place(file.path(), stored));
        }
    }

    private WeightFiles complete(ModelConfig config) {
        for (String name : config.tensorShapes().keySet()) {
            if (!places.containsKey(name)) {
                throw new InvalidInputException(main + ": tensor \"" + name + "\" is missing, expected by config.json");
            }
        }
        return this;
    }

    /** The element types of the tensors. */
    Set<String> types() {
        Set<String> types = new TreeSet<>();
        for (Path file : new TreeSet<>(places.values().stream().map(Place::file).toList())) {
            try (SafetensorsFile open = SafetensorsFile.open(file)) {
                places.values().stream()
                        .filter(place -> place.file().equals(file))
                        .forEach(place -> types.add(open.type(place.name()).name()));
            }
        }
        return types;
    }

    /** Reads the weights, in the configuration's order. */
    Weights load(ModelConfig config, NDManager parent) {
        Map<Path, SafetensorsFile> open = new LinkedHashMap<>();
        try (NDManager scratch = parent.newSubManager()) {
            Map<String, NDArray> arrays = new LinkedHashMap<>();
            for (String name : config.tensorShapes().keySet()) {
                arrays.put(name, read(name, open, scratch));
            }
            if (!config.classifies() && config.tieWordEmbeddings() && places.containsKey(ModelConfig.OUTPUT)) {
                NDArray output = read(ModelConfig.OUTPUT, open, scratch);
                if (!output.contentEquals(arrays.get(config.embeddingName()))) {
                    throw new InvalidInputException(main + ": tensor \"" + ModelConfig.OUTPUT
                            + "\" differs from the embedding, expected equal tensors where config.json ties them");
                }
            }
            return Weights.of(parent, arrays);
        } finally {
            open.values().forEach(SafetensorsFile::close);
        }
    }

    private NDArray read(String name, Map<Path, SafetensorsFile> open, NDManager manager) {
        Place place = places.get(name);
        if (place == null) {
            throw new IllegalStateException("checked to be there: " + name);
        }
        return open.computeIfAbsent(place.file(), SafetensorsFile::open).read(place.name(), manager);
    }
}
