package org.openstrawberry.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A page with every key of run files, worker files and reward training: type, range, default, meaning, and whether it may
 * change while a run lives. All of it comes from where the schema comes from.
 */
public final class KeyReference {
    private static final String HEAD = """
            # Every key

            <!-- Written by ./strawberry docs keys; do not edit. -->

            Keys of a [run file](#run-files), of a [worker file](#worker-files) and of [`reward train`](#training-of-a-reward-model),
            with their types, ranges and defaults. A key without a default is marked *required*, in a block that is there. `null` switches
            off or leaves it to the program. What stands under *live* may change while the run lives, by `./strawberry adjust` or on the
            live page. All run-file keys work with `--set`. Those of a sweep file are in [Sweeps](sweeps.md#the-sweep-file).
            """;

    private static final String CHANGEABLE = "| key | type | default | live | meaning |\n|---|---|---|---|---|\n";
    private static final String FIXED = "| key | type | default | meaning |\n|---|---|---|---|\n";
    private static final String KIND = "kind";

    private final StringBuilder page = new StringBuilder();
    private final JsonNode root;
    private final Predicate<String> live;
    private final String columns;

    private KeyReference(JsonNode root, String columns, Predicate<String> live) {
        this.root = root;
        this.columns = columns;
        this.live = live;
    }

    /** The page as Markdown, the same for the same version of the program. */
    public static String markdown() {
        ObjectNode workers = RunFileSchema.keys(WorkerSpec.class, DescribedDefaults.ofWorkers());
        ObjectNode training = RunFileSchema.keys(RewardTrainingSpec.class, DescribedDefaults.ofRewardTraining());
        ((ObjectNode) training.get("properties")).remove(List.of("pairs", "base", "out")); // options of the command
        return HEAD + "\n## Run files\n" + ofRuns() + "\n## Worker files\n\nOf `./strawberry worker --config FILE`.\n"
                + others(workers)
                + "\n## Training of a reward model\n\nOf `./strawberry reward train --set key=value`.\n"
                + others(training);
    }

    private static String ofRuns() {
        ObjectNode root = RunFileSchema.tree();
        KeyReference reference = new KeyReference(root, CHANGEABLE, Adjustment::mayChange);
        reference.table("", root);
        root.get("properties").fields().forEachRemaining(entry -> {
            block(entry.getValue()).ifPresent(block -> reference.section("###", entry.getKey(), block));
            if (entry.getKey().equals("reward")) {
                root.get("$defs")
                        .fields()
                        .forEachRemaining(kind -> reference.kind("reward." + kind.getKey(), kind.getValue()));
            }
        });
        return reference.page.toString();
    }

    private static String others(ObjectNode root) {
        KeyReference reference = new KeyReference(root, FIXED, key -> false);
        reference.table("", root);
        root.get("properties")
                .fields()
                .forEachRemaining(entry ->
                        block(entry.getValue()).ifPresent(block -> reference.section("###", entry.getKey(), block)));
        return reference.page.toString();
    }

    private void kind(String path, JsonNode kind) {
        if (!kind.has("allOf")) {
            section("####", path, kind);
            return;
        }
        page.append("\n#### ")
                .append(path)
                .append("\n\n`kind` is one of ")
                .append(codes(kind.at("/properties/kind/enum")))
                .append(".\n");
        kind.get("allOf")
                .forEach(rule -> section(
                        "#####",
                        path,
                        ": " + rule.at("/then/properties/kind/const").asText(),
                        rule.get("then")));
    }

    private void section(String level, String path, JsonNode block) {
        section(level, path, "", block);
    }

    private void section(String level, String path, String more, JsonNode block) {
        page.append('\n').append(level).append(' ').append(path).append(more).append('\n');
        String said = said(block);
        if (!said.isEmpty()) {
            page.append('\n').append(escaped(sentence(said))).append(".\n");
        }
        table(path, block);
        properties(block).forEach((key, value) -> {
            String inner = path + "." + key;
            if (!inner.equals("evaluation.reward")) {
                block(value).ifPresent(keys -> section(level, inner, keys));
            }
            block(value.path("additionalProperties")).ifPresent(named -> section(level, inner + ".NAME", named));
        });
    }

    private static String sentence(String text) {
        return text.substring(0, 1).toUpperCase(Locale.ROOT) + text.substring(1);
    }

    private static boolean describesKey(String text, JsonNode block) {
        return properties(block).keySet().stream().anyMatch(key -> text.startsWith(key + ": "));
    }

    private void table(String path, JsonNode block) {
        List<String> rows = new ArrayList<>();
        properties(block).forEach((key, value) -> {
            if (!key.equals(KIND) || !value.has("const")) {
                rows.add(row(path.isEmpty() ? key : path + "." + key, value, isRequired(block, key)));
            }
        });
        if (!rows.isEmpty()) {
            page.append('\n').append(columns).append(String.join("", rows));
        }
    }

    private String row(String path, JsonNode value, boolean required) {
        String known = value.has("default") ? code(value.get("default")) : required ? "*required*" : "";
        String liveColumn = columns.equals(CHANGEABLE) ? " | " + (live.test(path) ? "yes" : "") : "";
        return "| `" + path + "` | " + type(path, value) + " | " + known + liveColumn + " | "
                + escaped(reference(value)
                        .map(this::ofKind)
                        .filter(text -> !value.has("description"))
                        .orElse(block(value).map(KeyReference::said).orElse(meaning(value))))
                + " |\n";
    }

    private static Optional<JsonNode> reference(JsonNode value) {
        return Stream.concat(
                        Stream.of(value),
                        StreamSupport.stream(value.path("anyOf").spliterator(), false))
                .filter(choice -> choice.has("$ref"))
                .findFirst();
    }

    /** What kind of reward it is. */
    private String ofKind(JsonNode reference) {
        return said(root.at(reference.get("$ref").asText().substring(1)));
    }

    /** What is said of a block, without what is said of its keys. */
    private static String said(JsonNode block) {
        return Stream.of(meaning(block).split("; ", -1))
                .filter(part -> !part.isEmpty() && !describesKey(part, block))
                .collect(Collectors.joining("; "));
    }

    /** Without what the type says already. */
    private static String meaning(JsonNode value) {
        String text = value.path("description").asText();
        String choices = StreamSupport.stream(value.path("enum").spliterator(), false)
                .filter(choice -> !choice.isNull())
                .map(JsonNode::asText)
                .collect(Collectors.joining(" | "));
        return text.equals(choices) ? "" : text;
    }

    private String type(String path, JsonNode value) {
        if (value.has("$ref")) {
            String key = value.get("$ref").asText().replaceFirst(".*/", "");
            return "[block](#reward" + key + ")";
        }
        if (value.has("anyOf")) {
            return StreamSupport.stream(value.get("anyOf").spliterator(), false)
                    .filter(choice -> !choice.path("type").asText().equals("null"))
                    .map(choice -> type(path, choice))
                    .distinct()
                    .collect(Collectors.joining(" or "));
        }
        if (value.has("enum")) {
            return codes(value.get("enum"));
        }
        JsonNode type = value.path("type").isArray() ? value.get("type").get(0) : value.path("type");
        return switch (type.asText()) {
            case "integer" -> "whole number" + range(value);
            case "number" -> "number" + range(value);
            case "string" -> "text";
            case "boolean" -> "`true`, `false`";
            case "array" -> "list of " + plural(value.path("items"));
            default ->
                value.has("properties")
                        ? "[block](#" + anchor(path.equals("evaluation.reward") ? "reward" : path) + ")"
                        : "block";
        };
    }

    private static String plural(JsonNode items) {
        return switch (items.path("type").asText()) {
            case "integer" -> "whole numbers";
            case "number" -> "numbers";
            case "string" -> "texts";
            default -> "the same";
        };
    }

    private static String range(JsonNode value) {
        List<String> bounds = new ArrayList<>();
        for (Map.Entry<String, String> bound : Map.of(
                        "minimum", "≥ ", "exclusiveMinimum", "> ", "maximum", "≤ ", "exclusiveMaximum", "< ")
                .entrySet()) {
            if (value.has(bound.getKey())) {
                bounds.add(bound.getValue() + value.get(bound.getKey()).asText());
            }
        }
        bounds.sort((a, b) -> Boolean.compare(a.matches("[≤<].*"), b.matches("[≤<].*")));
        return bounds.isEmpty() ? "" : " " + String.join(", ", bounds);
    }

    /** What has keys of its own: the value, or what it is where it is not null. */
    private static Optional<JsonNode> block(JsonNode value) {
        if (value.has("properties")) {
            return Optional.of(value);
        }
        return StreamSupport.stream(value.path("anyOf").spliterator(), false)
                .filter(choice -> choice.has("properties"))
                .findFirst()
                .map(choice -> value.has("description")
                        ? ((ObjectNode) choice.deepCopy()).set("description", value.get("description"))
                        : choice);
    }

    private static Map<String, JsonNode> properties(JsonNode block) {
        Map<String, JsonNode> properties = new LinkedHashMap<>();
        block.path("properties").fields().forEachRemaining(entry -> properties.put(entry.getKey(), entry.getValue()));
        return properties;
    }

    private static boolean isRequired(JsonNode block, String key) {
        return StreamSupport.stream(block.path("required").spliterator(), false)
                .anyMatch(name -> name.asText().equals(key));
    }

    private static String codes(JsonNode values) {
        return StreamSupport.stream(values.spliterator(), false)
                .filter(value -> !value.isNull())
                .map(value -> "`" + value.asText() + "`")
                .collect(Collectors.joining(", "));
    }

    /** A value as it is written in YAML; a text of several lines is only told. */
    private static String code(JsonNode value) {
        if (value.isTextual() && value.asText().contains("\n")) {
            return "a text of " + value.asText().lines().count() + " lines";
        }
        String written = value.isTextual() && !value.asText().isEmpty() ? value.asText() : value.toString();
        return "`" + written.replace(",", ", ").replace("|", "\\|") + "`";
    }

    private static String escaped(String text) {
        return text.replace("|", "\\|").replace("<", "&lt;");
    }

    /** As GitHub and MkDocs name a heading. */
    private static String anchor(String heading) {
        return heading.replaceAll("[^A-Za-z0-9_-]", "").toLowerCase(Locale.ROOT);
    }
}
