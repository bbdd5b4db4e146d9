package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * One loss, or several with weights: {@code sigmoid}, or {@code [{ sigmoid: 1.0 }, { sft: 0.1 }]}.
 *
 * @param terms at least one, of different kinds
 */
public record LossSpec(List<Term> terms) {

    /**
     * A loss and its weight.
     *
     * @param kind of loss
     * @param weight above 0
     */
    public record Term(LossKind kind, double weight) {
        /** Checks the weight. */
        public Term {
            Check.positive(kind.written(), weight);
        }
    }

    /** Checks that each kind stands there once. */
    public LossSpec {
        terms = List.copyOf(terms);
        Set<LossKind> seen = new HashSet<>();
        Check.that(!terms.isEmpty(), "loss", "at least one loss", terms);
        terms.forEach(term -> Check.that(
                seen.add(term.kind()), "loss", "of different kinds", term.kind().written() + " twice"));
    }

    /** One loss by itself. */
    public static LossSpec of(LossKind kind) {
        return new LossSpec(List.of(new Term(kind, 1)));
    }

    /**
     * The losses that are written so.
     *
     * @param written a name, or a list of names and of names with weights
     * @throws IllegalArgumentException if it is something else
     */
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    static LossSpec of(JsonNode written) {
        if (!written.isArray()) {
            return new LossSpec(List.of(term(written)));
        }
        List<Term> terms = new ArrayList<>();
        written.forEach(item -> terms.add(term(item)));
        return new LossSpec(terms);
    }

    private static Term term(JsonNode written) {
        String name =
                written.isObject() && written.size() == 1 ? written.fieldNames().next() : written.asText();
        LossKind kind = LossKind.named(name)
                .orElseThrow(() -> new IllegalArgumentException("expected " + expected() + ", found " + written));
        return new Term(kind, written.isObject() ? written.path(name).asDouble() : 1);
    }

    /** As it stands in a run file: the name alone where one loss has the weight 1. */
    @JsonValue
    Object written() {
        if (terms.size() == 1 && terms.get(0).weight() == 1) {
            return terms.get(0).kind().written();
        }
        return terms.stream()
                .map(term -> Map.of(term.kind().written(), term.weight()))
                .toList();
    }

    /** The first kind that something holds of. */
    Optional<LossKind> first(Predicate<LossKind> condition) {
        return terms.stream().map(Term::kind).filter(condition).findFirst();
    }

    /** Compares a setting with the ways to write this. */
    static void check(Setting setting, String path) {
        if (!(setting instanceof Setting.Items list)) {
            if (LossKind.named(setting.json().asText()).isEmpty()
                    || !setting.json().isTextual()) {
                throw refused(setting, path);
            }
            return;
        }
        Set<String> seen = new HashSet<>();
        for (Setting item : list.items()) {
            String name = name(item, path);
            if (!seen.add(name)) {
                throw item.place().error(path + ": " + name + " stands there twice");
            }
        }
        if (seen.isEmpty()) {
            throw refused(setting, path);
        }
    }

    private static String name(Setting item, String path) {
        if (item instanceof Setting.Block block && block.entries().size() == 1) {
            Map.Entry<String, Setting.Entry> only =
                    block.entries().entrySet().iterator().next();
            if (LossKind.named(only.getKey()).isEmpty()) {
                throw item.place().error(path + ": expected " + names() + ", found " + Check.quoted(only.getKey()));
            }
            JsonNode weight = only.getValue().value().json();
            if (!weight.isNumber() || !(weight.doubleValue() > 0) || !Double.isFinite(weight.doubleValue())) {
                Setting found = only.getValue().value();
                throw found.place()
                        .error(path + ": expected a weight > 0 of " + only.getKey() + ", found " + found.shown());
            }
            return only.getKey();
        }
        if (!item.json().isTextual() || LossKind.named(item.json().textValue()).isEmpty()) {
            throw refused(item, path);
        }
        return item.json().textValue();
    }

    private static InvalidInputException refused(Setting found, String path) {
        return found.place().error(path + ": expected " + expected() + ", found " + found.shown());
    }

    /** What an error says that was expected. */
    static String expected() {
        return names() + ", or several such as [{ sigmoid: 1.0 }, { sft: 0.1 }]";
    }

    private static String names() {
        return String.join(
                ", ", Stream.of(LossKind.values()).map(LossKind::written).toList());
    }
}
