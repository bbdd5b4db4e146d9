package org.openstrawberry.model.pretrained;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.openstrawberry.config.InvalidInputException;

/**
 * A JSON object of a file, with values checked as they are taken and the file and key named where one is wrong. A key
 * whose value is {@code null} counts as absent, as Python programs write what is not set.
 *
 * @param prefix keys that lead from the file's top to this object, each with a dot
 */
record JsonObject(Path path, String prefix, ObjectNode node) {
    private static final ObjectMapper JSON = JsonMapper.builder()
            // Python writes NaN and Infinity.
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .build();

    static JsonObject read(Path path) {
        try {
            byte[] bytes = Files.readAllBytes(path);
            if (JSON.readTree(bytes) instanceof ObjectNode root) {
                return new JsonObject(path, "", root);
            }
            throw new InvalidInputException(path + ": found no JSON object, expected one");
        } catch (NoSuchFileException e) {
            throw new InvalidInputException(path + ": no such file", e);
        } catch (JsonProcessingException e) {
            throw new InvalidInputException(
                    path
                            + (e.getLocation() == null
                                    ? ""
                                    : ":" + e.getLocation().getLineNr())
                            + ": not JSON: "
                            + e.getOriginalMessage().lines().findFirst().orElse("broken text"),
                    e);
        } catch (IOException e) {
            throw new InvalidInputException(path + ": cannot be read: " + e.getMessage(), e);
        }
    }

    static Optional<JsonObject> readIfPresent(Path path) {
        return Files.exists(path) ? Optional.of(read(path)) : Optional.empty();
    }

    /** An object inside this one; messages go on naming the whole key. */
    Optional<JsonObject> object(String key) {
        return value(key).map(value -> {
            if (value instanceof ObjectNode object) {
                return new JsonObject(path, prefix + key + ".", object);
            }
            throw wrong(key, "an object");
        });
    }

    Optional<JsonNode> value(String key) {
        JsonNode value = node.get(key);
        return value == null || value.isNull() ? Optional.empty() : Optional.of(value);
    }

    /** Whether the key is there, be it with {@code null}. */
    boolean has(String key) {
        return node.has(key);
    }

    int positiveInt(String key) {
        return optionalPositiveInt(key).orElseThrow(() -> missing(key, "a whole number ≥ 1"));
    }

    Optional<Integer> optionalPositiveInt(String key) {
        return value(key).map(value -> {
            if (value.isIntegralNumber() && value.canConvertToInt() && value.intValue() >= 1) {
                return value.intValue();
            }
            throw wrong(key, "a whole number ≥ 1");
        });
    }

    double positive(String key) {
        return optionalPositive(key).orElseThrow(() -> missing(key, "a number > 0"));
    }

    Optional<Double> optionalPositive(String key) {
        return value(key).map(value -> {
            if (value.isNumber() && value.doubleValue() > 0 && Double.isFinite(value.doubleValue())) {
                return value.doubleValue();
            }
            throw wrong(key, "a number > 0");
        });
    }

    Optional<Double> optionalNotNegative(String key) {
        return value(key).map(value -> {
            if (value.isNumber() && value.doubleValue() >= 0 && Double.isFinite(value.doubleValue())) {
                return value.doubleValue();
            }
            throw wrong(key, "a number ≥ 0");
        });
    }

    int wholeNumber(String key, int otherwise) {
        return value(key)
                .map(value -> {
                    if (value.isIntegralNumber() && value.canConvertToInt()) {
                        return value.intValue();
                    }
                    throw wrong(key, "a whole number");
                })
                .orElse(otherwise);
    }

    boolean flag(String key, boolean otherwise) {
        return value(key)
                .map(value -> {
                    if (value.isBoolean()) {
                        return value.booleanValue();
                    }
                    throw wrong(key, "true or false");
                })
                .orElse(otherwise);
    }

    Optional<String> text(String key) {
        return value(key).map(value -> {
            if (value.isTextual()) {
                return value.textValue();
            }
            throw wrong(key, "a text");
        });
    }

    InvalidInputException wrong(String key, String expected) {
        return new InvalidInputException(path + ": " + prefix + key + ": found "
                + (node.has(key) ? shortened(node.path(key)) : "nothing") + ", expected " + expected);
    }

    private InvalidInputException missing(String key, String expected) {
        return new InvalidInputException(path + ": " + prefix + key + " is missing, expected " + expected);
    }

    private static String shortened(JsonNode value) {
        String text = value.toString();
        return text.length() <= 80 ? text : text.substring(0, 77) + "…";
    }
}
