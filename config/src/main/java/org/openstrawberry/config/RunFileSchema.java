package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.RecordComponent;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The JSON schema (draft 2020-12) of run files, by which editors complete and check them. Keys and types come from the
 * records, defaults and descriptions from the commented defaults, bounds of numbers from the records' constructors. Rules
 * that span keys are left to {@link RunFile}.
 */
public final class RunFileSchema {
    /** The schema's file beside the shipped run files, which name it in their first line. */
    public static final String FILE = "run.schema.json";

    private static final String DIALECT = "https://json-schema.org/draft/2020-12/schema";
    private static final String SHARED = "#/$defs/";
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private final DescribedDefaults run = DescribedDefaults.ofRuns();
    private final DescribedDefaults blocks = DescribedDefaults.ofBlocks();
    private final Bounds bounds = new Bounds();
    private final Map<String, ObjectNode> shared = new LinkedHashMap<>();

    private RunFileSchema() {}

    /** The schema as text, the same for the same version of the program. */
    public static String text() {
        try {
            return new ObjectMapper()
                            .writerWithDefaultPrettyPrinter()
                            .writeValueAsString(new RunFileSchema().whole())
                            .replace("\r\n", "\n")
                    + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("the schema cannot be written as JSON", e);
        }
    }

    /** The keys of another file than a run's, without bounds. */
    static ObjectNode keys(Class<?> type, DescribedDefaults defaults) {
        return new RunFileSchema().keys(type, "", defaults, "");
    }

    /** The same as {@link #text}. */
    static ObjectNode tree() {
        return new RunFileSchema().whole();
    }

    private ObjectNode whole() {
        ObjectNode schema = JSON.objectNode();
        schema.put("$schema", DIALECT);
        schema.put("title", "Open Strawberry run file");
        schema.setAll(keys(RunSpec.class, "", run, ""));
        ((ObjectNode) schema.get("properties").get("name"))
                .put("description", "of the run directory and the workflow; by default that of the run file");
        schema.set("required", JSON.arrayNode().add("model").add("data").add("reward"));
        ObjectNode definitions = schema.putObject("$defs");
        shared.forEach(definitions::set);
        return schema;
    }

    /**
     * A block of a record's keys.
     *
     * @param path of the block in a run file; empty where there are several, and at the root
     * @param defaults that lie under the block
     * @param at its place in these
     */
    private ObjectNode keys(Class<?> type, String path, DescribedDefaults defaults, String at) {
        ObjectNode block = JSON.objectNode();
        block.put("type", "object");
        block.put("additionalProperties", false);
        ObjectNode properties = block.putObject("properties");
        ArrayNode required = JSON.arrayNode();
        Schema.components(type).forEach((key, component) -> {
            String place = dotted(at, key);
            properties.set(key, value(component, dotted(path, key), key, defaults, place));
            if (component.getType() != Optional.class && !defaults.has(place) && type != RunSpec.class) {
                required.add(key);
            }
        });
        if (!required.isEmpty()) {
            block.set("required", required);
        }
        if (type == RewardSpec.class || type == SumSpec.Part.class) {
            block.set("oneOf", oneKind(type));
        }
        return block;
    }

    private static ArrayNode oneKind(Class<?> type) {
        ArrayNode kinds = JSON.arrayNode();
        Schema.components(type).forEach((key, component) -> {
            if (RewardKind.class.isAssignableFrom(Schema.valueType(component))) {
                ObjectNode kind = kinds.addObject();
                kind.putObject("properties").putObject(key).put("type", "object");
                kind.putArray("required").add(key);
            }
        });
        return kinds;
    }

    private ObjectNode value(
            RecordComponent component, String path, String key, DescribedDefaults defaults, String place) {
        boolean optional = component.getType() == Optional.class;
        ObjectNode plain = typed(component, path, key, defaults, place);
        ObjectNode value = plain;
        if (optional) {
            if (plain.path("type").isTextual() && !plain.has("oneOf")) {
                plain.set("type", JSON.arrayNode().add(plain.get("type")).add("null"));
            } else if (plain.has("enum")) {
                ((ArrayNode) plain.get("enum")).addNull();
            } else {
                value = JSON.objectNode();
                value.putArray("anyOf").add(plain).add(JSON.objectNode().put("type", "null"));
            }
        }
        ObjectNode described = value;
        description(component, defaults, place).ifPresent(text -> described.put("description", text));
        Optional<JsonNode> known = defaults.value(place);
        if (known.isPresent() && !known.get().isObject()) {
            value.set("default", known.get());
        }
        return value;
    }

    private static Optional<String> description(RecordComponent component, DescribedDefaults defaults, String place) {
        return defaults.comment(place)
                .or(() -> Optional.ofNullable(component.getAccessor().getAnnotation(JsonPropertyDescription.class))
                        .map(JsonPropertyDescription::value))
                .or(() -> defaults.commentInBlock(place));
    }

    private ObjectNode typed(
            RecordComponent component, String path, String key, DescribedDefaults defaults, String place) {
        Class<?> type = Schema.valueType(component);
        if (type == LossSpec.class) {
            return losses();
        }
        if (RewardKind.class.isAssignableFrom(type)) {
            return reference(type, key);
        }
        if (type == RewardSpec.class && !path.equals("reward")) {
            return keys(type, "", blocks, "evaluation-reward");
        }
        if (type == WarmupSpec.class || type == LoraSpec.class || type == TreeSpec.class) {
            return keys(type, path, blocks, key);
        }
        if (type.isRecord()) {
            return keys(type, path, defaults, place);
        }
        ObjectNode schema = JSON.objectNode();
        if (type.isEnum()) {
            schema.set("enum", texts(Schema.constants(type)));
        } else if (type == List.class) {
            schema.put("type", "array").set("items", simple(Schema.innerType(component)));
        } else if (type == Map.class) {
            schema.put("type", "object");
            Schema.namedBlocks(component)
                    .<JsonNode>map(named -> keys(named, "", blocks, "reward-part"))
                    .or(() -> Schema.innerType(component) == Object.class
                            ? Optional.empty()
                            : Optional.of(simple(Schema.innerType(component))))
                    .ifPresent(inner -> schema.set("additionalProperties", inner));
        } else {
            schema.setAll(simple(type));
            if (Schema.isWhole(type) || Schema.isReal(type)) {
                schema.setAll(bounds.of(path, Schema.isWhole(type)));
            }
        }
        return schema;
    }

    /** A kind of reward, which stands in several places. */
    private ObjectNode reference(Class<?> type, String key) {
        if (!shared.containsKey(key)) {
            shared.put(key, JSON.objectNode()); // holds its place: a sum holds others
            String name = "reward-" + key;
            shared.put(key, Schema.isChoice(type) ? choice(type, key) : described(keys(type, "", blocks, name), name));
        }
        return JSON.objectNode().put("$ref", SHARED + key);
    }

    private ObjectNode choice(Class<?> type, String key) {
        ObjectNode choice = JSON.objectNode();
        choice.put("type", "object");
        choice.putArray("required").add("kind");
        Map<String, Class<?>> kinds = Schema.kinds(type);
        choice.putObject("properties").putObject("kind").set("enum", texts(List.copyOf(kinds.keySet())));
        ArrayNode rules = choice.putArray("allOf");
        kinds.forEach((name, kind) -> {
            ObjectNode then = described(keys(kind, "", blocks, key + "-" + name), key + "-" + name);
            ((ObjectNode) then.get("properties")).putObject("kind").put("const", name);
            ObjectNode rule = rules.addObject();
            ObjectNode condition = rule.putObject("if");
            condition.putObject("properties").putObject("kind").put("const", name);
            condition.putArray("required").add("kind");
            rule.set("then", then);
        });
        return choice;
    }

    private ObjectNode described(ObjectNode block, String name) {
        blocks.comment(name).ifPresent(text -> block.put("description", text));
        return block;
    }

    private static ObjectNode losses() {
        ArrayNode names =
                texts(Stream.of(LossKind.values()).map(LossKind::written).toList());
        ObjectNode name = JSON.objectNode();
        name.set("enum", names);
        ObjectNode weighted = JSON.objectNode();
        weighted.put("type", "object").put("minProperties", 1).put("maxProperties", 1);
        weighted.putObject("propertyNames").set("enum", names);
        weighted.putObject("additionalProperties").put("type", "number").put("exclusiveMinimum", 0);
        ObjectNode several = JSON.objectNode();
        several.put("type", "array").put("minItems", 1);
        several.putObject("items").putArray("anyOf").add(name).add(weighted);
        ObjectNode losses = JSON.objectNode();
        losses.putArray("anyOf").add(name).add(several);
        return losses;
    }

    private static ObjectNode simple(Class<?> type) {
        String name = Schema.isWhole(type)
                ? "integer"
                : Schema.isReal(type) ? "number" : Schema.isFlag(type) ? "boolean" : "string";
        return JSON.objectNode().put("type", name);
    }

    private static ArrayNode texts(List<String> values) {
        ArrayNode texts = JSON.arrayNode();
        values.forEach(texts::add);
        return texts;
    }

    private static String dotted(String path, String key) {
        return path.isEmpty() ? key : path + "." + key;
    }

    /** The bounds of numbers, found by asking the records' constructors. */
    private static final class Bounds {
        private static final Map<String, Object> RUN = Map.of(
                "name", "any",
                "model.policy", "any",
                "model.lora", Map.of(),
                "data.prompts", "any",
                "data.held-out", "any",
                "warmup.data", "any",
                "reward.verifier", Map.of("kind", "regex", "pattern", "a"));

        ObjectNode of(String path, boolean whole) {
            ObjectNode bounds = JSON.objectNode();
            if (!path.contains(".")) {
                return bounds; // the seed, or a key of a block that may stand in several places
            }
            lower(path, whole, bounds);
            upper(path, whole, bounds);
            return bounds;
        }

        private static void lower(String path, boolean whole, ObjectNode bounds) {
            if (!refused(path, -1)) {
                return;
            }
            if (!refused(path, 0)) {
                bounds.put("minimum", 0);
            } else if (whole) {
                Stream.of(1, 2)
                        .filter(least -> !refused(path, least))
                        .findFirst()
                        .ifPresent(l -> bounds.put("minimum", l));
            } else if (!refused(path, 1e-12)) {
                bounds.put("exclusiveMinimum", 0);
            } else if (!refused(path, 1.000_001)) {
                bounds.put("exclusiveMinimum", 1);
            }
        }

        private static void upper(String path, boolean whole, ObjectNode bounds) {
            if (whole) {
                if (refused(path, 2) && !refused(path, 1)) {
                    bounds.put("maximum", 1);
                }
            } else if (refused(path, 1e9) && refused(path, 1.000_001)) {
                bounds.put(refused(path, 1) ? "exclusiveMaximum" : "maximum", 1);
            }
        }

        /** Whether the value is out of the key's own range; rules that span keys are worded otherwise. */
        private static boolean refused(String path, double value) {
            Map<String, Object> settings = new LinkedHashMap<>(RUN);
            settings.put(path, value == Math.rint(value) ? (Object) (long) value : (Object) value);
            try {
                RunFile.of(settings);
                return false;
            } catch (InvalidInputException e) {
                return String.valueOf(e.getMessage()).contains(": " + path + ": must be ");
            }
        }
    }
}
