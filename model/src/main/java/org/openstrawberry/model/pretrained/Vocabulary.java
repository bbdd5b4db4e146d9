package org.openstrawberry.model.pretrained;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.config.InvalidInputException;

/**
 * The tokens of a {@code tokenizer.json} and their ids, read without the tokenizer's native library.
 *
 * @param ids by token, added ones too
 * @param size one more than the greatest id
 * @param modelSize the same without added tokens
 */
record Vocabulary(Map<String, Integer> ids, int size, int modelSize) {
    static Vocabulary read(Path file) {
        JsonObject json = JsonObject.read(file);
        JsonObject model = json.object("model").orElseThrow(() -> json.wrong("model", "an object with the vocabulary"));
        Map<String, Integer> ids = new LinkedHashMap<>();
        JsonNode vocabulary = model.value("vocab").orElseThrow(() -> model.wrong("vocab", "the vocabulary"));
        if (vocabulary.isArray()) {
            // Unigram models list [token, score] in the order of ids.
            for (JsonNode entry : vocabulary) {
                ids.put(entry.path(0).asText(), ids.size());
            }
        } else {
            vocabulary
                    .properties()
                    .forEach(entry -> ids.put(entry.getKey(), entry.getValue().asInt()));
        }
        int modelSize = size(ids);
        json.value("added_tokens")
                .ifPresent(added -> added.forEach(token ->
                        ids.put(token.path("content").asText(), token.path("id").asInt())));
        if (ids.isEmpty()) {
            throw new InvalidInputException(file + ": model.vocab is empty, expected tokens");
        }
        return new Vocabulary(ids, size(ids), modelSize);
    }

    private static int size(Map<String, Integer> ids) {
        return ids.values().stream().mapToInt(Integer::intValue).max().orElse(-1) + 1;
    }

    Optional<Integer> id(String token) {
        return Optional.ofNullable(ids.get(token));
    }
}
