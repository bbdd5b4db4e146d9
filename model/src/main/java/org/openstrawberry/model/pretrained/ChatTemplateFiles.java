package org.openstrawberry.model.pretrained;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.chat.ChatTemplate;

/** Where a directory keeps its chat template and the texts of its special tokens. */
final class ChatTemplateFiles {
    private static final String JINJA = "chat_template.jinja";
    private static final String CONFIG = "tokenizer_config.json";

    private ChatTemplateFiles() {}

    static Optional<ChatTemplate> read(Path directory) {
        Path jinja = directory.resolve(JINJA);
        Optional<JsonObject> config = JsonObject.readIfPresent(directory.resolve(CONFIG));
        if (Files.exists(jinja)) {
            try {
                return Optional.of(
                        new ChatTemplate(jinja.toString(), Files.readString(jinja), specialTokens(directory, config)));
            } catch (IOException e) {
                throw new InvalidInputException(jinja + ": cannot be read: " + e.getMessage(), e);
            }
        }
        return config.flatMap(ChatTemplateFiles::template)
                .map(text -> new ChatTemplate(
                        directory.resolve(CONFIG) + ": chat_template", text, specialTokens(directory, config)));
    }

    /** A text, or a list of named ones. */
    private static Optional<String> template(JsonObject config) {
        Optional<JsonNode> value = config.value("chat_template");
        if (value.isEmpty()) {
            return Optional.empty();
        }
        if (value.get().isTextual()) {
            return Optional.of(value.get().textValue());
        }
        for (JsonNode named : value.get()) {
            if (named.path("name").asText().equals("default")
                    && named.path("template").isTextual()) {
                return Optional.of(named.path("template").textValue());
            }
        }
        throw config.wrong("chat_template", "a text, or a list with a template named \"default\"");
    }

    private static Map<String, String> specialTokens(Path directory, Optional<JsonObject> config) {
        Map<String, String> tokens = new LinkedHashMap<>();
        JsonObject.readIfPresent(directory.resolve("special_tokens_map.json")).ifPresent(map -> collect(map, tokens));
        config.ifPresent(map -> collect(map, tokens));
        return tokens;
    }

    /** A token is a text, or an object with its content. */
    private static void collect(JsonObject from, Map<String, String> tokens) {
        from.node().properties().forEach(entry -> {
            JsonNode value = entry.getValue().isObject() ? entry.getValue().path("content") : entry.getValue();
            if (entry.getKey().endsWith("_token") && value.isTextual()) {
                tokens.put(entry.getKey(), value.textValue());
            }
        });
    }
}
