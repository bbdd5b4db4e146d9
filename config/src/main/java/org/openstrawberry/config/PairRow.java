package org.openstrawberry.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/**
 * A preference as token ids: one line of a pairs file.
 *
 * @param line counted from 1, as editors do; where an error about the row is shown
 * @param promptIds at least one token
 * @param chosenIds the preferred completion, at least one token
 * @param rejectedIds the other, at least one token
 */
public record PairRow(int line, int[] promptIds, int[] chosenIds, int[] rejectedIds) {
    private static final List<String> FIELDS = List.of("prompt_ids", "chosen_ids", "rejected_ids");

    /** The row of a line's object; errors begin with the place. */
    static PairRow of(int line, String place, JsonNode json, int vocabulary) {
        List<int[]> ids = new ArrayList<>();
        for (String field : FIELDS) {
            ids.add(ids(place + ": field " + Check.quoted(field), json.path(field), vocabulary));
        }
        return new PairRow(line, ids.get(0), ids.get(1), ids.get(2));
    }

    private static int[] ids(String field, JsonNode value, int vocabulary) {
        if (!value.isArray() || value.isEmpty()) {
            String found =
                    value.isMissingNode() ? "nothing" : value.isArray() ? "an empty list" : DataFiles.shown(value);
            throw new InvalidInputException(field + ": expected a list of at least one token id, found " + found);
        }
        int[] ids = new int[value.size()];
        for (int i = 0; i < ids.length; i++) {
            JsonNode id = value.get(i);
            if (!id.isInt() || id.intValue() < 0 || id.intValue() >= vocabulary) {
                throw new InvalidInputException(field + ": expected token ids from 0 to " + (vocabulary - 1)
                        + ", found " + DataFiles.shown(id));
            }
            ids[i] = id.intValue();
        }
        return ids;
    }
}
