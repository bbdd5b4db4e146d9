package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Compares written settings with the records that they will become: unknown keys first, then what is missing or of the
 * wrong type. The records are the only description of the keys; ranges are left to their constructors.
 */
final class Schema {

    /** The keys whose blocks have other keys for each {@code kind}. */
    static final Set<String> CHOICES = Set.of("verifier", "judge");

    private static final PropertyNamingStrategies.KebabCaseStrategy KEBAB =
            new PropertyNamingStrategies.KebabCaseStrategy();

    private Schema() {}

    /**
     * Checks a file's merged settings.
     *
     * @param type the record that they will become
     * @param root all settings, defaults included
     * @param file its name, for what is missing everywhere
     * @throws InvalidInputException for the first mistake
     */
    static void check(Class<?> type, Setting.Block root, String file) {
        rejectUnknownKeys(type, type, root, "", file);
        checkBlock(type, root, "", file);
    }

    // Apart from the types, and before them: a misspelt key is also a missing one, and the misspelling says more.
    private static void rejectUnknownKeys(
            Class<?> whole, Class<?> type, Setting.Block block, String path, String file) {
        Map<String, RecordComponent> known = components(type, block, path, file);
        block.entries().forEach((key, entry) -> {
            RecordComponent component = known.get(key);
            if (component == null) {
                if (isChoice(type) && key.equals("kind")) {
                    return;
                }
                throw entry.key().error(dotted(path, key) + ": unknown key; " + suggestion(whole, path, key, known));
            }
            if (entry.value() instanceof Setting.Block inner && isBlock(valueType(component))) {
                rejectUnknownKeys(whole, valueType(component), inner, dotted(path, key), file);
            }
            namedBlocks(component)
                    .ifPresent(named -> blocks(entry.value())
                            .forEach((name, each) ->
                                    rejectUnknownKeys(whole, named, each, dotted(dotted(path, key), name), file)));
        });
    }

    private static void checkBlock(Class<?> type, Setting.Block block, String path, String file) {
        components(type, block, path, file).forEach((key, component) -> {
            String dotted = dotted(path, key);
            Optional<Setting> written = block.at(key);
            boolean optional = component.getType() == Optional.class;
            if (written.isEmpty()) {
                if (!optional) {
                    throw new InvalidInputException(
                            file + ": " + dotted + ": missing; expected " + expected(component));
                }
            } else if (!(optional && written.get().json().isNull())) {
                checkValue(component, written.get(), dotted, file);
            }
        });
    }

    private static void checkValue(RecordComponent component, Setting value, String path, String file) {
        if (valueType(component) == LossSpec.class) {
            LossSpec.check(value, path);
            return;
        }
        Class<?> type = valueType(component);
        if (isBlock(type) && value instanceof Setting.Block block) {
            checkBlock(type, block, path, file);
            return;
        }
        if (namedBlocks(component).isPresent() && value instanceof Setting.Block block) {
            checkNamedBlocks(namedBlocks(component).get(), block, path, file);
            return;
        }
        JsonNode json = value.json();
        if (!fits(component, json)) {
            boolean unquoted = type == String.class && json.isValueNode() && !json.isNull();
            throw value.place()
                    .error(path + ": expected " + expected(component) + ", found " + value.shown()
                            + (unquoted ? " (put it in quotes)" : ""));
        }
        if (isWhole(type) && json.isIntegralNumber() && !inRange(type, json)) {
            boolean wide = type == long.class;
            throw value.place()
                    .error(path + ": expected a whole number from " + (wide ? Long.MIN_VALUE : Integer.MIN_VALUE)
                            + " to " + (wide ? Long.MAX_VALUE : Integer.MAX_VALUE) + ", found " + value.shown());
        }
    }

    private static void checkNamedBlocks(Class<?> type, Setting.Block named, String path, String file) {
        named.entries().forEach((name, entry) -> {
            String dotted = dotted(path, name);
            if (!(entry.value() instanceof Setting.Block block)) {
                throw entry.value()
                        .place()
                        .error(dotted + ": expected a block of keys, found "
                                + entry.value().shown());
            }
            checkBlock(type, block, dotted, file);
        });
    }

    private static boolean fits(RecordComponent component, JsonNode json) {
        Class<?> type = valueType(component);
        if (type == List.class) {
            return json.isArray() && allFit(innerType(component), json);
        }
        if (type == Map.class) {
            return json.isObject() && (innerType(component) == Object.class || allFit(innerType(component), json));
        }
        return fits(type, json);
    }

    private static boolean allFit(Class<?> type, JsonNode values) {
        boolean fit = true;
        for (JsonNode value : values) {
            fit &= fits(type, value);
        }
        return fit;
    }

    private static boolean fits(Class<?> type, JsonNode json) {
        if (isWhole(type)) {
            return json.isIntegralNumber();
        }
        if (isReal(type)) {
            return json.isNumber() && Double.isFinite(json.doubleValue());
        }
        if (type.isEnum()) {
            return json.isTextual() && constants(type).contains(json.textValue());
        }
        return type == String.class ? json.isTextual() : isFlag(type) && json.isBoolean();
    }

    private static boolean inRange(Class<?> type, JsonNode json) {
        return type == long.class ? json.canConvertToLong() : json.canConvertToInt();
    }

    private static String expected(RecordComponent component) {
        JsonPropertyDescription description = component.getAccessor().getAnnotation(JsonPropertyDescription.class);
        if (description != null) {
            return description.value();
        }
        if (valueType(component) == LossSpec.class) {
            return LossSpec.expected();
        }
        Class<?> type = valueType(component);
        if (isBlock(type) || type == Map.class) {
            return type == Map.class && innerType(component) == String.class
                    ? "a block of keys with texts"
                    : "a block of keys";
        }
        if (isWhole(type)) {
            return "a whole number";
        }
        if (isReal(type)) {
            return "a number";
        }
        if (type == List.class) {
            return innerType(component) == String.class ? "a list of texts" : "a list of numbers";
        }
        if (type.isEnum()) {
            return oneOf(constants(type));
        }
        return type == String.class ? "a text" : "true or false";
    }

    private static String oneOf(List<String> names) {
        int last = names.size() - 1;
        return last == 0
                ? names.get(0) + ", the only value of this version"
                : String.join(", ", names.subList(0, last)) + " or " + names.get(last);
    }

    /** The keys that a block may hold, in the record's order; of the kind that it names where there are several. */
    private static Map<String, RecordComponent> components(
            Class<?> type, Setting.Block block, String path, String file) {
        return components(isChoice(type) ? chosen(type, block, path, file) : type);
    }

    static Map<String, RecordComponent> components(Class<?> type) {
        Map<String, RecordComponent> components = new LinkedHashMap<>();
        for (RecordComponent component : type.getRecordComponents()) {
            components.put(KEBAB.translate(component.getName()), component);
        }
        return components;
    }

    private static Class<?> chosen(Class<?> type, Setting.Block block, String path, String file) {
        Map<String, Class<?>> kinds = kinds(type);
        String key = dotted(path, "kind");
        String expected = oneOf(List.copyOf(kinds.keySet()));
        Setting kind = block.at("kind")
                .orElseThrow(() -> new InvalidInputException(file + ": " + key + ": missing; expected " + expected));
        Class<?> chosen = kinds.get(kind.json().asText());
        if (chosen == null || !kind.json().isTextual()) {
            throw kind.place().error(key + ": expected " + expected + ", found " + kind.shown());
        }
        return chosen;
    }

    static Map<String, Class<?>> kinds(Class<?> type) {
        Map<String, Class<?>> kinds = new LinkedHashMap<>();
        for (JsonSubTypes.Type kind : type.getAnnotation(JsonSubTypes.class).value()) {
            kinds.put(kind.name(), kind.value());
        }
        return kinds;
    }

    static List<String> constants(Class<?> type) {
        List<String> names = new ArrayList<>();
        for (Object constant : type.getEnumConstants()) {
            try {
                names.add(type.getField(((Enum<?>) constant).name())
                        .getAnnotation(JsonProperty.class)
                        .value());
            } catch (NoSuchFieldException e) {
                throw new IllegalStateException("constant without a field in " + type, e);
            }
        }
        return names;
    }

    private static String suggestion(Class<?> whole, String path, String key, Map<String, RecordComponent> siblings) {
        if (key.contains(".") && whole == RunSpec.class) {
            return "dotted keys are for --set; in a file write blocks, one inside the other";
        }
        TreeMap<Integer, String> near = new TreeMap<>();
        siblings.keySet().forEach(known -> near.putIfAbsent(distance(key, known), dotted(path, known)));
        // A third of the letters may be wrong: more would suggest what has nothing to do with the key.
        if (!near.isEmpty() && near.firstKey() <= Math.max(1, key.length() / 3)) {
            return "did you mean " + near.firstEntry().getValue() + "?";
        }
        TreeMap<Integer, String> elsewhere = new TreeMap<>();
        collectNear(whole, "", key, elsewhere);
        if (!elsewhere.isEmpty() && elsewhere.firstKey() <= key.length() / 4) {
            return "did you mean " + elsewhere.firstEntry().getValue() + "?";
        }
        return "expected " + (siblings.isEmpty() ? "no key" : oneOf(List.copyOf(siblings.keySet())));
    }

    private static void collectNear(Class<?> type, String path, String key, TreeMap<Integer, String> near) {
        components(type).forEach((known, component) -> {
            near.putIfAbsent(distance(key, known), dotted(path, known));
            if (isKeys(valueType(component))) {
                collectNear(valueType(component), dotted(path, known), key, near);
            }
        });
    }

    /** Levenshtein's distance: letters to put in, take out or replace. */
    private static int distance(String from, String to) {
        int[] row = new int[to.length() + 1];
        for (int j = 0; j <= to.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= from.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.length(); j++) {
                int replaced = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[to.length()];
    }

    /** The class of a component's values; of what is inside, where it is optional. */
    static Class<?> valueType(RecordComponent component) {
        return raw(unwrapped(component));
    }

    /** The class of what a list or map holds. */
    static Class<?> innerType(RecordComponent component) {
        Type[] inner = ((ParameterizedType) unwrapped(component)).getActualTypeArguments();
        return raw(inner[inner.length - 1]);
    }

    /** The class of a component's blocks, where it is a block of blocks that the user names. */
    static Optional<Class<?>> namedBlocks(RecordComponent component) {
        return valueType(component) == Map.class && isBlock(innerType(component))
                ? Optional.of(innerType(component))
                : Optional.empty();
    }

    private static Map<String, Setting.Block> blocks(Setting value) {
        Map<String, Setting.Block> blocks = new LinkedHashMap<>();
        if (value instanceof Setting.Block named) {
            named.entries().forEach((name, entry) -> {
                if (entry.value() instanceof Setting.Block block) {
                    blocks.put(name, block);
                }
            });
        }
        return blocks;
    }

    private static Type unwrapped(RecordComponent component) {
        return component.getType() == Optional.class
                ? ((ParameterizedType) component.getGenericType()).getActualTypeArguments()[0]
                : component.getGenericType();
    }

    private static Class<?> raw(Type type) {
        return type instanceof ParameterizedType parameterized
                ? (Class<?>) parameterized.getRawType()
                : (Class<?>) type;
    }

    static boolean isBlock(Class<?> type) {
        return isKeys(type) || isChoice(type);
    }

    /** Whether a block has the keys of the record's components; losses are written in a shorter way. */
    private static boolean isKeys(Class<?> type) {
        return type.isRecord() && type != LossSpec.class;
    }

    static boolean isChoice(Class<?> type) {
        return type.isAnnotationPresent(JsonSubTypes.class);
    }

    static boolean isWhole(Class<?> type) {
        return type == int.class || type == Integer.class || type == long.class;
    }

    static boolean isFlag(Class<?> type) {
        return type == boolean.class || type == Boolean.class;
    }

    static boolean isReal(Class<?> type) {
        return type == double.class || type == Double.class;
    }

    private static String dotted(String path, String key) {
        return path.isEmpty() ? key : path + "." + key;
    }
}
