package org.openstrawberry.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * A prompt to think about: one row of a prompts file.
 *
 * @param row counted from 0, blank lines left out
 * @param line counted from 1, as editors do; of a Parquet file, which has no lines, the row counted from 1
 * @param prompt the text that the policy continues; of chat messages that are not rendered yet, their JSON
 * @param fields the whole row in its order, the prompt included; what a verifier compares with
 * @param messages the prompt as chat messages, a list of objects with {@code role} and {@code content}
 */
public record PromptRow(int row, int line, String prompt, Map<String, JsonNode> fields, Optional<JsonNode> messages) {

    /** Copies the fields, keeping their order. */
    public PromptRow {
        fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
    }

    /** A prompt that is plain text. */
    public PromptRow(int row, int line, String prompt, Map<String, JsonNode> fields) {
        this(row, line, prompt, fields, Optional.empty());
    }

    /** The same row with the text that its messages became. */
    public PromptRow rendered(String text) {
        return new PromptRow(row, line, text, fields, messages);
    }

    /** Where the row stands, for error lines. */
    public String place(Path file) {
        return place(file, line);
    }

    /** Where a row of a file stands, for error lines. */
    public static String place(Path file, int line) {
        return file + (isParquet(file) ? ": row " : ":") + line;
    }

    /** Whether the file's name says that it holds Parquet. */
    public static boolean isParquet(Path file) {
        return file.toString().toLowerCase(Locale.ROOT).endsWith(".parquet");
    }
}
