package org.openstrawberry.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** The reference vectors among the test resources. */
public final class Vectors {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Vectors() {}

    /** A model's directory, such as {@code llama}. */
    public static Path model(String name) {
        return resource("/vectors/models/" + name);
    }

    /** A tokenizer's directory, such as {@code plain}. */
    public static Path tokenizer(String name) {
        return resource("/vectors/tokenizers/" + name);
    }

    /** A JSON file. */
    public static JsonNode json(Path file) {
        try {
            return JSON.readTree(file.toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The ids of a JSON list. */
    public static int[] ids(JsonNode list) {
        int[] ids = new int[list.size()];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = list.get(i).intValue();
        }
        return ids;
    }

    /** Copies the files of a directory, to be changed by a test. */
    public static Path copy(Path directory, Path target) {
        try (Stream<Path> files = Files.list(directory)) {
            Files.createDirectories(target);
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.copy(file, target.resolve(Objects.requireNonNull(file.getFileName())));
            }
            return target;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The names of the llama models. */
    public static List<String> llamas() {
        return List.of("llama", "llama_rope_llama3", "llama_tied_bf16");
    }

    /** The names of the language models, of all families. */
    public static List<String> languageModels() {
        return List.of(
                "llama", "llama_rope_llama3", "llama_tied_bf16", "mistral", "qwen2", "qwen3", "gemma2", "phi3", "gpt2");
    }

    /** A small model of {@link #families}. */
    public static Path family(String name) {
        return resource("/vectors/families/" + name);
    }

    /** The names of small language models that use each option of a family. */
    public static List<String> families() {
        return names(resource("/vectors/families"), name -> !name.startsWith("reward_"));
    }

    /** The names of small sequence classifiers among the {@link #family families}. */
    public static List<String> classifiers() {
        return names(resource("/vectors/families"), name -> name.startsWith("reward_"));
    }

    /** Rendered chats of a template, such as {@code zephyr}. */
    public static Path chatTemplate(String name) {
        return resource("/vectors/templates/" + name + ".json");
    }

    /** The names of the chat templates. */
    public static List<String> chatTemplates() {
        return names(resource("/vectors/templates"), name -> true).stream()
                .map(name -> name.replace(".json", ""))
                .toList();
    }

    private static List<String> names(Path directory, Predicate<String> wanted) {
        try (Stream<Path> folders = Files.list(directory)) {
            return folders.map(folder -> folder.getFileName().toString())
                    .filter(wanted)
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path resource(String name) {
        URL url = Objects.requireNonNull(Vectors.class.getResource(name), name);
        try {
            return Path.of(url.toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
