package org.openstrawberry.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** The data of a run: JSON-lines files in UTF-8, one object a line, blank lines of no account. */
public final class DataFiles {

    private static final ObjectReader LINE = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build()
            .reader();

    private DataFiles() {}

    /**
     * Reads prompts to train on or held out.
     *
     * @param jsonl the file
     * @param promptField the field that holds the prompt
     * @return all rows, at least one
     * @throws InvalidInputException if the file cannot be read, a line is at fault, or there is no row
     */
    public static List<PromptRow> readPrompts(Path jsonl, String promptField) {
        return readPrompts(jsonl, DataSpec.of(jsonl.toString(), Optional.empty(), promptField))
                .rows();
    }

    /**
     * Reads prompts to train on or held out.
     *
     * @param jsonl the file
     * @param spec which fields hold the prompt, and what a broken line does
     * @return what was read, maybe no row
     * @throws InvalidInputException if the file cannot be read, or a line is at fault and not left out
     */
    public static PromptRows readPrompts(Path jsonl, DataSpec spec) {
        PromptRows rows = new PromptRows(jsonl, spec);
        TextFiles.forEachLine(
                jsonl,
                (number, text) -> {
                    if (text.isBlank()) {
                        return;
                    }
                    JsonNode json;
                    try {
                        json = object(text, jsonl + ":" + number);
                    } catch (InvalidInputException e) {
                        rows.broken(e);
                        return;
                    }
                    rows.add(number, json);
                },
                (number, e) -> rows.broken(e));
        return rows;
    }

    /**
     * Reads the warm-up's examples: {@code prompt} and {@code completion}; further fields are of no account.
     *
     * @param jsonl the file
     * @return all rows, at least one
     * @throws InvalidInputException if the file cannot be read, a line is at fault, or there is no row
     */
    public static List<WarmupRow> readWarmup(Path jsonl) {
        List<WarmupRow> rows = new ArrayList<>();
        forEachObject(
                jsonl,
                line -> rows.add(
                        new WarmupRow(rows.size(), line.number(), line.prompt("prompt"), line.text("completion"))));
        return requireRows(rows, jsonl, "warm-up lines");
    }

    /**
     * Reads preferences as token ids: {@code prompt_ids}, {@code chosen_ids} and {@code rejected_ids}; further fields are of
     * no account.
     *
     * @param jsonl the file
     * @param vocabulary how many ids there are
     * @return all rows, at least one
     * @throws InvalidInputException if the file cannot be read, a line is at fault, or there is no row
     */
    public static List<PairRow> readPairs(Path jsonl, int vocabulary) {
        List<PairRow> rows = new ArrayList<>();
        forEachObject(jsonl, line -> rows.add(PairRow.of(line.number(), line.place(), line.json(), vocabulary)));
        return requireRows(rows, jsonl, "pairs");
    }

    /**
     * Reads preferences as texts: {@code prompt}, {@code chosen}, {@code rejected}, and maybe a number {@code margin};
     * further fields are of no account.
     *
     * @param jsonl the file
     * @return all rows, at least one
     * @throws InvalidInputException if the file cannot be read, a line is at fault, or there is no row
     */
    public static List<PreferenceRow> readPreferences(Path jsonl) {
        List<PreferenceRow> rows = new ArrayList<>();
        forEachObject(jsonl, line -> {
            String chosen = line.text("chosen");
            String rejected = line.text("rejected");
            if (chosen.equals(rejected)) {
                throw new InvalidInputException(line.place()
                        + ": fields \"chosen\" and \"rejected\" are the same text, expected one that is preferred");
            }
            rows.add(new PreferenceRow(line.number(), line.prompt("prompt"), chosen, rejected, line.number("margin")));
        });
        return requireRows(rows, jsonl, "preferences");
    }

    /** One line's object and where it stands. */
    private record Line(int number, String place, JsonNode json) {

        String prompt(String field) {
            return DataFiles.prompt(place, json, field);
        }

        String text(String field) {
            return DataFiles.text(place, json, field);
        }

        /** 0 where there is none. */
        double number(String field) {
            JsonNode value = json.get(field);
            if (value == null || value.isNull()) {
                return 0;
            }
            if (!value.isNumber() || !Double.isFinite(value.doubleValue())) {
                throw new InvalidInputException(
                        place + ": field " + Check.quoted(field) + ": expected a number, found " + shown(value));
            }
            return value.doubleValue();
        }
    }

    static String prompt(String place, JsonNode json, String field) {
        String prompt = text(place, json, field);
        if (prompt.isEmpty()) {
            throw new InvalidInputException(place + ": field " + Check.quoted(field) + " is empty");
        }
        return prompt;
    }

    private static String text(String place, JsonNode json, String field) {
        JsonNode value = value(place, json, field);
        if (!value.isTextual()) {
            throw new InvalidInputException(
                    place + ": field " + Check.quoted(field) + ": expected a text, found " + shown(value));
        }
        return value.textValue();
    }

    private static JsonNode value(String place, JsonNode json, String field) {
        JsonNode value = json.get(field);
        if (value == null) {
            List<String> found = new ArrayList<>();
            json.fieldNames().forEachRemaining(found::add);
            throw new InvalidInputException(
                    place + ": field " + Check.quoted(field) + " is missing; found " + names(found));
        }
        return value;
    }

    static String names(Collection<String> fields) {
        return fields.isEmpty()
                ? "no fields"
                : "fields "
                        + String.join(", ", fields.stream().map(Check::quoted).toList());
    }

    private static void forEachObject(Path file, Consumer<Line> consumer) {
        TextFiles.forEachLine(file, (number, text) -> {
            if (!text.isBlank()) {
                String place = file + ":" + number;
                consumer.accept(new Line(number, place, object(text, place)));
            }
        });
    }

    private static JsonNode object(String text, String place) {
        try {
            JsonNode json = LINE.readTree(text);
            if (!json.isObject()) {
                throw new InvalidInputException(place + ": expected a JSON object, found " + shown(json));
            }
            return json;
        } catch (JsonProcessingException e) {
            String problem = e.getOriginalMessage().replaceAll("\\s+", " ");
            throw new InvalidInputException(place + ": not valid JSON: " + problem, e);
        }
    }

    /** The JSON list that a text is, as in the columns of a CSV file; the text itself where it is none. */
    static JsonNode listIn(JsonNode text) {
        try {
            JsonNode json = LINE.readTree(text.textValue());
            return json.isArray() ? json : text;
        } catch (JsonProcessingException e) {
            return text; // told where a list is expected
        }
    }

    private static <T> List<T> requireRows(List<T> rows, Path file, String what) {
        if (rows.isEmpty()) {
            throw new InvalidInputException(file + ": holds no " + what);
        }
        return List.copyOf(rows);
    }

    static String shown(JsonNode value) {
        if (value.isObject()) {
            return "an object";
        }
        if (value.isArray()) {
            return "a list";
        }
        return value.isTextual() ? Check.quoted(value.textValue()) : value.toString();
    }
}
