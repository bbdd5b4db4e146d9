package org.openstrawberry.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Settings of a run that are changed while it lives. Only those may be that no finished work depends on: how much is
 * drawn from the data, the model and the seed stay as they are.
 */
public final class Adjustment {
    /** The blocks and keys that may change, as prefixes. */
    private static final List<String> ADJUSTABLE = List.of(
            "dpo.",
            "optimizer.learning-rate",
            "optimizer.weight-decay",
            "optimizer.clip-norm",
            "optimizer.schedule.",
            "optimizer.epochs",
            "optimizer.mini-batch-pairs",
            "pairs.",
            "sampling.temperature",
            "sampling.top-k",
            "sampling.top-p",
            "sampling.min-p",
            "sampling.min-new-tokens",
            "sampling.max-new-tokens",
            "reference.",
            "until.",
            "evaluation.every",
            "evaluation.samples",
            "checkpoints.",
            "health.",
            "reward.quorum");

    private static final ObjectMapper YAML = new YAMLMapper();

    private Adjustment() {}

    /**
     * The specification with the changes.
     *
     * @param changes dotted key to value, as in a run file
     * @throws InvalidInputException if there is none, or one is unknown, out of range, or of a setting that stays
     */
    public static RunSpec apply(RunSpec spec, Map<String, Object> changes) {
        if (changes.isEmpty()) {
            throw new InvalidInputException("adjust: found no setting; expected such as {\"dpo.beta\": 0.2}");
        }
        List<String> sets = new ArrayList<>();
        new TreeMap<>(changes).forEach((key, value) -> sets.add(key + "=" + written(value)));
        RunSpec changed = RunFile.changed(spec, "adjust", sets);
        for (String key : new TreeSet<>(changes.keySet())) {
            if (!mayChange(key)) {
                throw new InvalidInputException(key + ": can't change while the run lives; what can: "
                        + String.join(
                                ", ",
                                ADJUSTABLE.stream()
                                        .map(k -> k.endsWith(".") ? k + "*" : k)
                                        .toList()));
            }
        }
        return changed;
    }

    /**
     * Changes as people write them.
     *
     * @param changes of the form {@code KEY=VALUE}, the value as in YAML
     * @throws InvalidInputException if one is not of that form
     */
    public static Map<String, Object> parse(List<String> changes) {
        Map<String, Object> values = new LinkedHashMap<>();
        for (String change : changes) {
            int equals = change.indexOf('=');
            if (equals < 1) {
                throw new InvalidInputException(change + ": expected path=value, such as dpo.beta=0.2");
            }
            try {
                JsonNode value = YAML.readTree(change.substring(equals + 1));
                values.put(change.substring(0, equals).strip(), YAML.convertValue(value, Object.class));
            } catch (JsonProcessingException e) {
                throw new InvalidInputException(change + ": the value can't be read as YAML", e);
            }
        }
        return values;
    }

    /** The settings that may change, dotted, with the values that a run has; lists and what is absent as in JSON. */
    public static Map<String, String> adjustable(RunSpec spec) {
        Map<String, String> values = new LinkedHashMap<>();
        collect("", RunFile.tree(spec), values);
        values.keySet().removeIf(key -> !mayChange(key));
        return values;
    }

    private static void collect(String key, JsonNode value, Map<String, String> values) {
        if (value.isObject()) {
            value.fieldNames()
                    .forEachRemaining(
                            inner -> collect(key.isEmpty() ? inner : key + "." + inner, value.path(inner), values));
        } else {
            values.put(key, value.isTextual() ? value.textValue() : value.toString());
        }
    }

    /** Whether a key, dotted as in a run file, may change while a run lives. */
    static boolean mayChange(String key) {
        return ADJUSTABLE.stream().anyMatch(key::startsWith);
    }

    /** A list or a map as YAML; everything else reads as it is printed. */
    private static String written(Object value) {
        return value instanceof Collection || value instanceof Map ? RunFile.json(value) : String.valueOf(value);
    }
}
