package org.openstrawberry.activities.lines;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;

/**
 * A line of {@code prompts.jsonl}.
 *
 * @param prompt number in the iteration's batch, from 0
 * @param row number in the data file, from 0
 * @param epoch how often the data had been gone through before
 * @param text the prompt
 * @param ids its tokens, special ones included
 * @param fields the whole line of the data file, for the reward
 */
public record PromptLine(
        int iteration, int prompt, int row, int epoch, String text, int[] ids, Map<String, JsonNode> fields) {}
