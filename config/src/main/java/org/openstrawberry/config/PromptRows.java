package org.openstrawberry.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The prompts of one file as they are read, whatever its format: each row is checked, and one that is broken stops the
 * reading or is counted, as {@code data.on-error} says.
 */
public final class PromptRows {
    private static final String MESSAGES = "messages";

    private final Path file;
    private final DataSpec spec;
    private final List<PromptRow> rows = new ArrayList<>();
    private int read;
    private int broken;

    public PromptRows(Path file, DataSpec spec) {
        this.file = file;
        this.spec = spec;
    }

    /**
     * Takes a row.
     *
     * @param line as {@link PromptRow#line}
     * @param object its columns
     * @throws InvalidInputException if it has no prompt, unless broken rows are left out
     */
    public void add(int line, JsonNode object) {
        PromptRow row;
        try {
            row = row(line, object);
        } catch (InvalidInputException e) {
            broken(e);
            return;
        }
        rows.add(row);
        read++;
    }

    /**
     * Takes note of a row that could not be read.
     *
     * @throws InvalidInputException the same, unless broken rows are left out
     */
    public void broken(InvalidInputException problem) {
        if (!spec.skipsBroken()) {
            throw problem;
        }
        broken++;
        read++;
    }

    /**
     * All rows that are whole.
     *
     * @throws InvalidInputException if there is none
     */
    public List<PromptRow> rows() {
        if (rows.isEmpty()) {
            throw new InvalidInputException(
                    file + ": holds no prompts" + (broken == 0 ? "" : " but " + broken + " broken rows"));
        }
        return List.copyOf(rows);
    }

    /** Rows that were left out. */
    public int broken() {
        return broken;
    }

    private PromptRow row(int line, JsonNode object) {
        String place = PromptRow.place(file, line);
        Map<String, JsonNode> fields = new LinkedHashMap<>();
        object.properties().forEach(field -> fields.put(field.getKey(), field.getValue()));
        Optional<String> field = messagesField(fields);
        if (field.isPresent()) {
            JsonNode messages = messages(place, field.get(), fields);
            return new PromptRow(read, line, messages.toString(), fields, Optional.of(messages));
        }
        return new PromptRow(read, line, DataFiles.prompt(place, object, spec.promptField()), fields);
    }

    private Optional<String> messagesField(Map<String, JsonNode> fields) {
        if (spec.messagesField().isPresent()) {
            return spec.messagesField();
        }
        JsonNode prompt = fields.get(spec.promptField());
        if (prompt != null) {
            return prompt.isArray() ? Optional.of(spec.promptField()) : Optional.empty();
        }
        return fields.containsKey(MESSAGES) ? Optional.of(MESSAGES) : Optional.empty();
    }

    private static JsonNode messages(String place, String field, Map<String, JsonNode> fields) {
        String column = place + ": field " + Check.quoted(field);
        JsonNode messages = fields.get(field);
        if (messages == null) {
            throw new InvalidInputException(column + " is missing; found " + DataFiles.names(fields.keySet()));
        }
        if (messages.isTextual()) {
            messages = DataFiles.listIn(messages);
        }
        if (!messages.isArray() || messages.isEmpty()) {
            throw new InvalidInputException(
                    column + ": expected a list of chat messages, found " + DataFiles.shown(messages));
        }
        for (int i = 0; i < messages.size(); i++) {
            for (String key : List.of("role", "content")) {
                JsonNode text = messages.get(i).path(key);
                if (!text.isTextual()) {
                    throw new InvalidInputException(column + ": message " + (i + 1) + ": " + key
                            + ": expected a text, found "
                            + (text.isMissingNode() ? "none" : DataFiles.shown(text)));
                }
            }
        }
        if (messages.get(messages.size() - 1).get("role").textValue().equals("assistant")) {
            throw new InvalidInputException(
                    column + ": the last message is the assistant's; expected one that it has to answer");
        }
        return messages;
    }
}
