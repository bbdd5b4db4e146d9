package org.openstrawberry.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Settings as they were written, each with its place: what YAML gives before anything is known of its meaning. */
sealed interface Setting {

    Place place();

    /** How the setting is called in an error line. */
    String shown();

    JsonNode json();

    /** A block of keys, in the order in which they were written. */
    record Block(Place place, Map<String, Entry> entries) implements Setting {

        public Block {
            entries = new LinkedHashMap<>(entries);
        }

        /** A block of one key. */
        static Block of(String key, Setting value) {
            return new Block(value.place(), Map.of(key, new Entry(value.place(), value)));
        }

        /** A block of one dotted key: blocks of one key, one inside the other. */
        static Block nested(String dottedKey, Setting value) {
            int dot = dottedKey.indexOf('.');
            return dot < 0
                    ? of(dottedKey, value)
                    : of(dottedKey.substring(0, dot), nested(dottedKey.substring(dot + 1), value));
        }

        @Override
        public String shown() {
            return "a block of keys";
        }

        @Override
        public JsonNode json() {
            ObjectNode object = JsonNodeFactory.instance.objectNode();
            entries.forEach((key, entry) -> object.set(key, entry.value().json()));
            return object;
        }

        /** The setting at a dotted key, if it was written. */
        Optional<Setting> at(String dottedKey) {
            Setting here = this;
            for (String key : dottedKey.split("\\.", -1)) {
                if (!(here instanceof Block block) || !block.entries.containsKey(key)) {
                    return Optional.empty();
                }
                here = block.entry(key).value();
            }
            return Optional.of(here);
        }

        /** This block with one key's value replaced or added. */
        Block with(String key, Setting value) {
            Map<String, Entry> changed = new LinkedHashMap<>(entries);
            changed.put(key, new Entry(value.place(), value));
            return new Block(place, changed);
        }

        /** This block without a key. */
        Block without(String key) {
            Map<String, Entry> rest = new LinkedHashMap<>(entries);
            rest.remove(key);
            return new Block(place, rest);
        }

        /**
         * This block with another laid over it: blocks are merged key by key, everything else is replaced. Where both
         * name a {@code kind} with settings of its own and the kinds differ, the lower one's settings go with it.
         */
        Block overlaidBy(Block upper) {
            Map<String, Entry> merged = new LinkedHashMap<>(entries);
            upper.entries.forEach((key, over) -> merged.merge(key, over, (below, above) -> {
                if (below.value() instanceof Block lower
                        && above.value() instanceof Block higher
                        && !(Schema.CHOICES.contains(key) && otherKind(lower, higher))) {
                    return new Entry(above.key(), lower.overlaidBy(higher));
                }
                return above;
            }));
            return new Block(upper.place, merged);
        }

        private static boolean otherKind(Block lower, Block higher) {
            Optional<JsonNode> was = lower.at("kind").map(Setting::json);
            Optional<JsonNode> becomes = higher.at("kind").map(Setting::json);
            return was.isPresent() && becomes.isPresent() && !was.equals(becomes);
        }

        private Entry entry(String key) {
            Entry entry = entries.get(key);
            if (entry == null) {
                throw new IllegalArgumentException("no key " + key);
            }
            return entry;
        }
    }

    /** A key's own place and its value. */
    record Entry(Place key, Setting value) {}

    /** A list. */
    record Items(Place place, List<Setting> items) implements Setting {

        public Items {
            items = List.copyOf(items);
        }

        @Override
        public String shown() {
            List<String> shown = new ArrayList<>();
            items.forEach(item -> shown.add(item.shown()));
            return shown.toString();
        }

        @Override
        public JsonNode json() {
            ArrayNode array = JsonNodeFactory.instance.arrayNode();
            items.forEach(item -> array.add(item.json()));
            return array;
        }
    }

    /** A single value; {@code shown} is the text as written, in quotes where it is a text. */
    record Scalar(Place place, JsonNode json, String shown) implements Setting {}
}
