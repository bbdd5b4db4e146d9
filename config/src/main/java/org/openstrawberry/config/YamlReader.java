package org.openstrawberry.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.StringReader;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.regex.Pattern;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.composer.Composer;
import org.yaml.snakeyaml.error.Mark;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;
import org.yaml.snakeyaml.parser.ParserImpl;
import org.yaml.snakeyaml.reader.StreamReader;
import org.yaml.snakeyaml.resolver.Resolver;

/**
 * Reads one YAML document into {@link Setting}s. Plain values mean what YAML 1.2's core schema says, so that
 * {@code 1e-3} is a number and {@code no} a text; keys that stand twice, tags and recursive aliases are errors.
 */
final class YamlReader {

    /** Aliases of blocks are counted: a few lines of YAML could otherwise unfold into gigabytes. */
    private static final int MOST_ALIASES = 10;

    private final BiFunction<Integer, Integer, Place> places;

    /** @param places makes a place from line and column, both counted from 1 */
    private YamlReader(BiFunction<Integer, Integer, Place> places) {
        this.places = places;
    }

    /**
     * Reads a file's text.
     *
     * @param text the whole file
     * @param file as it is called in error lines
     * @param layer of every setting in it
     * @throws InvalidInputException if the text is no YAML, or no block of keys
     */
    static Setting.Block file(String text, String file, Place.Layer layer) {
        YamlReader reader = new YamlReader((line, column) -> new Place(layer, file + ":" + line + ":" + column));
        Optional<Setting> read = reader.read(text, "");
        if (read.isEmpty()) {
            return new Setting.Block(reader.places.apply(1, 1), Map.of());
        }
        if (read.get() instanceof Setting.Block block) {
            return block;
        }
        throw read.get()
                .place()
                .error("expected a block of keys, found " + read.get().shown());
    }

    /**
     * Reads the value of an option.
     *
     * @param text what stands after the equals sign; nothing at all is null
     * @param place of the option
     * @param key dotted key that the option sets
     * @throws InvalidInputException if the text is no YAML
     */
    static Setting value(String text, Place place, String key) {
        return new YamlReader((line, column) -> place)
                .read(text, key)
                .orElseGet(() -> new Setting.Scalar(place, JsonNodeFactory.instance.nullNode(), "nothing"));
    }

    private Optional<Setting> read(String text, String path) {
        LoaderOptions options = new LoaderOptions();
        options.setMaxAliasesForCollections(MOST_ALIASES);
        try {
            StreamReader characters = new StreamReader(new StringReader(text));
            Node root = new Composer(new ParserImpl(characters, options), new CoreSchema(), options).getSingleNode();
            return root == null ? Optional.empty() : Optional.of(setting(root, path));
        } catch (MarkedYAMLException e) {
            Place place = e.getProblemMark() == null ? places.apply(1, 1) : place(e.getProblemMark());
            throw new InvalidInputException(place.text() + ": not valid YAML: " + oneLine(e.getProblem()), e);
        } catch (YAMLException e) {
            throw new InvalidInputException(
                    places.apply(1, 1).text() + ": not valid YAML: " + oneLine(String.valueOf(e.getMessage())), e);
        }
    }

    private Setting setting(Node node, String path) {
        Place place = place(node.getStartMark());
        if (node.isTwoStepsConstruction()) {
            throw place.error("an alias stands inside what it is an alias of");
        }
        if (node instanceof MappingNode mapping && mapping.getTag().equals(Tag.MAP)) {
            return block(mapping, place, path);
        }
        if (node instanceof SequenceNode sequence && sequence.getTag().equals(Tag.SEQ)) {
            List<Setting> items = new ArrayList<>();
            for (Node item : sequence.getValue()) {
                items.add(setting(item, path));
            }
            return new Setting.Items(place, items);
        }
        if (node instanceof ScalarNode scalar) {
            return scalar(scalar, place);
        }
        throw unsupported(node, place);
    }

    private Setting.Block block(MappingNode mapping, Place place, String path) {
        Map<String, Setting.Entry> entries = new LinkedHashMap<>();
        for (NodeTuple tuple : mapping.getValue()) {
            Place keyPlace = place(tuple.getKeyNode().getStartMark());
            if (!(tuple.getKeyNode() instanceof ScalarNode keyNode)) {
                throw keyPlace.error("expected a key, found a block or list");
            }
            String key = keyNode.getValue();
            String dotted = path.isEmpty() ? key : path + "." + key;
            Setting value = setting(tuple.getValueNode(), dotted);
            if (entries.put(key, new Setting.Entry(keyPlace, value)) != null) {
                throw keyPlace.error(dotted + ": stands twice in the same block");
            }
        }
        return new Setting.Block(place, entries);
    }

    private static Setting scalar(ScalarNode node, Place place) {
        String text = node.getValue();
        Tag tag = node.getTag();
        JsonNodeFactory json = JsonNodeFactory.instance;
        if (tag.equals(Tag.STR)) {
            return new Setting.Scalar(place, json.textNode(text), Check.quoted(text));
        }
        JsonNode value;
        try {
            if (tag.equals(Tag.NULL)) {
                value = json.nullNode();
            } else if (tag.equals(Tag.BOOL)) {
                value = json.booleanNode(Boolean.parseBoolean(text));
            } else if (tag.equals(Tag.INT)) {
                value = whole(integer(text));
            } else if (tag.equals(Tag.FLOAT)) {
                value = json.numberNode(real(text));
            } else {
                throw unsupported(node, place);
            }
        } catch (NumberFormatException e) {
            throw new InvalidInputException(
                    place.text() + ": not valid YAML: " + Check.quoted(text) + " is not a number", e);
        }
        return new Setting.Scalar(place, value, text.isEmpty() ? "nothing" : text);
    }

    /** In the smallest node that holds it, as JSON is read: settings that are kept as they stand then equal themselves. */
    private static JsonNode whole(BigInteger number) {
        JsonNodeFactory json = JsonNodeFactory.instance;
        if (number.bitLength() < Integer.SIZE) {
            return json.numberNode(number.intValue());
        }
        return number.bitLength() < Long.SIZE ? json.numberNode(number.longValue()) : json.numberNode(number);
    }

    private static BigInteger integer(String text) {
        if (text.startsWith("0o")) {
            return new BigInteger(text.substring(2), 8);
        }
        return text.startsWith("0x") ? new BigInteger(text.substring(2), 16) : new BigInteger(text);
    }

    private static double real(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        if (lower.endsWith(".inf")) {
            return lower.startsWith("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
        }
        return lower.equals(".nan") ? Double.NaN : Double.parseDouble(text);
    }

    private static InvalidInputException unsupported(Node node, Place place) {
        return place.error("expected a plain value, found the YAML tag "
                + Check.quoted(node.getTag().getValue()));
    }

    private Place place(Mark mark) {
        return places.apply(mark.getLine() + 1, mark.getColumn() + 1);
    }

    private static String oneLine(String text) {
        return text.strip().replaceAll("\\s+", " ");
    }

    /** YAML 1.2's core schema (yaml.org/spec/1.2.2, 10.3.2); SnakeYAML's own resolver follows YAML 1.1. */
    private static final class CoreSchema extends Resolver {

        @Override
        protected void addImplicitResolvers() {
            addImplicitResolver(Tag.NULL, Pattern.compile("(?:~|null|Null|NULL)?"), "~nN\0");
            addImplicitResolver(Tag.BOOL, Pattern.compile("true|True|TRUE|false|False|FALSE"), "tTfF");
            addImplicitResolver(Tag.INT, Pattern.compile("[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"), "-+0123456789");
            addImplicitResolver(
                    Tag.FLOAT,
                    Pattern.compile("[-+]?(?:\\.[0-9]+|[0-9]+(?:\\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
                            + "|[-+]?\\.(?:inf|Inf|INF)|\\.(?:nan|NaN|NAN)"),
                    "-+.0123456789");
        }
    }
}
