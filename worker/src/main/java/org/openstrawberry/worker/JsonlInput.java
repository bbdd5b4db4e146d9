package org.openstrawberry.worker;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.openstrawberry.config.InvalidInputException;

/** A user's file with one JSON object a line; what is wrong is told with file and line. */
final class JsonlInput {
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private JsonlInput() {}

    /**
     * Reads all lines.
     *
     * @throws InvalidInputException if the file cannot be read, or a line is no object
     */
    static List<Line> read(Path file) {
        List<String> texts;
        try {
            texts = Files.readAllLines(file);
        } catch (NoSuchFileException e) {
            throw new InvalidInputException(file + ": no such file", e);
        } catch (IOException e) {
            throw new InvalidInputException(file + ": cannot be read: " + e.getMessage(), e);
        }
        List<Line> lines = new ArrayList<>();
        for (int i = 0; i < texts.size(); i++) {
            lines.add(line(file + ":" + (i + 1), texts.get(i)));
        }
        return lines;
    }

    private static Line line(String place, String text) {
        try {
            if (JSON.readTree(text) instanceof ObjectNode object) {
                return new Line(place, object);
            }
            throw new InvalidInputException(place + ": found no JSON object, expected one a line");
        } catch (JsonProcessingException e) {
            throw new InvalidInputException(
                    place + ": not JSON: "
                            + e.getOriginalMessage().lines().findFirst().orElse("broken text"),
                    e);
        }
    }

    /**
     * A line.
     *
     * @param place file and number
     * @param object what it holds
     */
    record Line(String place, ObjectNode object) {
        /**
         * Which of several ways of saying a thing the line uses.
         *
         * @param keys each the first of a way
         * @throws InvalidInputException if it is none or several of them
         */
        String oneOf(List<String> keys) {
            List<String> found = keys.stream().filter(object::has).toList();
            if (found.size() != 1) {
                throw wrong("found " + (found.isEmpty() ? "none" : String.join(" and ", found)) + " of the keys "
                        + String.join(", ", keys) + ", expected one");
            }
            return found.get(0);
        }

        String text(String key) {
            JsonNode value = object.path(key);
            if (!value.isTextual()) {
                throw wrong(key, value, "a text");
            }
            return value.textValue();
        }

        /** Token ids, at least one, each below the number of rows of the embedding. */
        int[] ids(String key, int vocabulary) {
            JsonNode value = object.path(key);
            if (!value.isArray() || value.isEmpty()) {
                throw wrong(key, value, "a list of token ids, at least one");
            }
            int[] ids = new int[value.size()];
            for (int i = 0; i < ids.length; i++) {
                JsonNode id = value.get(i);
                if (!id.isInt() || id.intValue() < 0 || id.intValue() >= vocabulary) {
                    throw wrong(key + "[" + i + "]", id, "a token id from 0 to " + (vocabulary - 1));
                }
                ids[i] = id.intValue();
            }
            return ids;
        }

        /** Chat messages, at least one, each with a role. */
        List<Map<String, Object>> messages(String key) {
            JsonNode value = object.path(key);
            boolean wellFormed = value.isArray() && !value.isEmpty();
            for (JsonNode message : value) {
                wellFormed &= message.path("role").isTextual();
            }
            if (!wellFormed) {
                throw wrong(key, value, "a list of messages, each an object with role and content");
            }
            List<Map<String, Object>> messages = JSON.convertValue(value, new TypeReference<>() {});
            messages.forEach(message -> message.values().removeIf(content -> content == null));
            return messages;
        }

        /** Runs what may find fault with the line's content, and adds the place. */
        <T> T placed(Supplier<T> work) {
            try {
                return work.get();
            } catch (InvalidInputException e) {
                String message = String.valueOf(e.getMessage());
                throw message.startsWith(place) ? e : new InvalidInputException(place + ": " + message, e);
            }
        }

        InvalidInputException wrong(String key, JsonNode found, String expected) {
            String text = found.isMissingNode() ? "nothing" : found.toString();
            return wrong(key + ": found " + (text.length() <= 80 ? text : text.substring(0, 77) + "…") + ", expected "
                    + expected);
        }

        InvalidInputException wrong(String message) {
            return new InvalidInputException(place + ": " + message);
        }
    }

    /** Refuses options that do nothing where another one is given. */
    static void refuseWith(String option, Map<String, Optional<?>> others) {
        Set<String> given = new java.util.TreeSet<>();
        others.forEach((name, value) -> {
            if (value.isPresent()) {
                given.add(name);
            }
        });
        if (!given.isEmpty()) {
            throw new InvalidInputException(String.join(", ", given) + ": without effect together with " + option
                    + ", expected one or the other");
        }
    }
}
