package org.openstrawberry.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A prompt to think about: one line of a prompts file.
 *
 * @param row counted from 0, blank lines left out
 * @param line counted from 1, as editors do; where an error about the row is shown
 * @param prompt the text that the policy continues
 * @param fields the whole line in its order, the prompt included; what a verifier compares with
 */
public record PromptRow(int row, int line, String prompt, Map<String, JsonNode> fields) {

    /** Copies the fields, keeping their order. */
    public PromptRow {
        fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
    }
}
