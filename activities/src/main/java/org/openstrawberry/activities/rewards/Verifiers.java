package org.openstrawberry.activities.rewards;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaException;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.regex.Pattern;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.VerifierSpec;
import org.openstrawberry.config.VerifierSpec.Choice;
import org.openstrawberry.config.VerifierSpec.Contains;
import org.openstrawberry.config.VerifierSpec.Exact;
import org.openstrawberry.config.VerifierSpec.JsonSchema;
import org.openstrawberry.config.VerifierSpec.Length;
import org.openstrawberry.config.VerifierSpec.Numeric;
import org.openstrawberry.config.VerifierSpec.Regex;
import reactor.core.publisher.Mono;

/** Rewards by a rule. */
public final class Verifiers {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private Verifiers() {}

    /** The reward that the settings describe. */
    public static Reward of(VerifierSpec spec) {
        ToDoubleFunction<Sample> rule = rule(spec);
        return sample ->
                Mono.fromCallable(() -> sample.ended() || !spec.requireEos() ? rule.applyAsDouble(sample) : 0.0);
    }

    /**
     * Checks that a prompt's row has what the rules of a reward compare with.
     *
     * @throws IllegalArgumentException naming the field that is missing or of another kind
     */
    public static void check(RewardSpec reward, PromptRow row) {
        reward.each(kind -> {
            if (kind instanceof VerifierSpec verifier) {
                checkFields(verifier, row.fields());
            }
        });
    }

    /**
     * Checks the JSON schemas of a reward.
     *
     * @throws InvalidInputException if one is none
     */
    public static void checkSchemas(RewardSpec reward) {
        reward.each(kind -> {
            if (kind instanceof JsonSchema schema && schema.schema().isPresent()) {
                try {
                    compiled(JSON.valueToTree(schema.schema().get()));
                } catch (IllegalArgumentException e) {
                    throw new InvalidInputException("reward.verifier.schema: " + e.getMessage(), e);
                }
            }
        });
    }

    private static void checkFields(VerifierSpec spec, Map<String, JsonNode> fields) {
        if (spec instanceof Numeric numeric) {
            rightNumber(numeric, fields);
        } else if (spec instanceof Exact exact) {
            rightText(exact.answerField(), fields);
        } else if (spec instanceof Choice choice) {
            rightLetter(choice, fields);
        } else if (spec instanceof JsonSchema schema) {
            schema.schemaField().ifPresent(field -> compiled(field(field, fields)));
        } else if (spec instanceof Contains contains) {
            terms(contains, fields);
        }
    }

    private static ToDoubleFunction<Sample> rule(VerifierSpec spec) {
        if (spec instanceof Numeric numeric) {
            return sample -> isRight(numeric, sample) ? 1 : 0;
        }
        if (spec instanceof Exact exact) {
            return sample -> isRight(exact, sample) ? 1 : 0;
        }
        if (spec instanceof Regex regex) {
            Pattern pattern = Pattern.compile(regex.pattern());
            return sample -> BoundedText.find(pattern, sample.completion()) ? 1 : 0;
        }
        if (spec instanceof Choice choice) {
            return sample -> isRight(choice, sample) ? 1 : 0;
        }
        if (spec instanceof JsonSchema schema) {
            Optional<Schema> given =
                    schema.schema().map(JSON::<JsonNode>valueToTree).map(Verifiers::compiled);
            return sample -> fits(schema, given, sample) ? 1 : 0;
        }
        if (spec instanceof Contains contains) {
            return sample -> share(contains, sample);
        }
        Length length = (Length) spec;
        return sample -> kept(length, sample);
    }

    private static boolean isRight(Numeric spec, Sample sample) {
        BigDecimal right = rightNumber(spec, sample.fields());
        BigDecimal tolerance = BigDecimal.valueOf(spec.tolerance())
                .max(BigDecimal.valueOf(spec.relativeTolerance()).multiply(right.abs()));
        return answer(spec, sample.completion())
                .map(found -> found.subtract(right).abs().compareTo(tolerance) <= 0)
                .orElse(false);
    }

    private static Optional<BigDecimal> answer(Numeric spec, String completion) {
        if (spec.boxed()) {
            return Answers.boxed(completion).flatMap(Answers::boxedNumber);
        }
        if (spec.after().isEmpty()) {
            return Answers.lastNumber(completion);
        }
        int at = completion.lastIndexOf(spec.after());
        if (at < 0 || (spec.once() && completion.indexOf(spec.after()) != at)) {
            return Optional.empty();
        }
        return Answers.firstNumber(
                completion.substring(at + spec.after().length()).stripLeading());
    }

    private static boolean isRight(Exact spec, Sample sample) {
        String right = rightText(spec.answerField(), sample.fields());
        Optional<String> found = spec.boxed() ? Answers.boxed(sample.completion()) : Optional.of(sample.completion());
        return found.map(text -> comparable(spec, text).equals(comparable(spec, right)))
                .orElse(false);
    }

    private static String comparable(Exact spec, String text) {
        String trimmed = spec.trim() ? text.strip() : text;
        return spec.ignoreCase() ? folded(trimmed) : trimmed;
    }

    private static boolean isRight(Choice spec, Sample sample) {
        String right = rightLetter(spec, sample.fields());
        String letters = letters(spec, sample.fields());
        return chosenLetter(spec, letters, sample.completion())
                .or(() -> chosenOption(spec, sample))
                .map(right::equals)
                .orElse(false);
    }

    private static Optional<String> chosenLetter(Choice spec, String letters, String completion) {
        if (spec.boxed()) {
            return Answers.boxed(completion).flatMap(box -> lastLetter(letters, box));
        }
        if (spec.after().isEmpty()) {
            return lastLetter(letters, completion);
        }
        int at = completion.lastIndexOf(spec.after());
        if (at < 0) {
            return Optional.empty();
        }
        String rest = completion.substring(at + spec.after().length()).replaceFirst("^[\\s:*(\\[$\"']*", "");
        return rest.isEmpty() ? Optional.empty() : lastLetter(letters, rest.substring(0, Math.min(2, rest.length())));
    }

    /** A letter of a word is none that was chosen. */
    private static Optional<String> lastLetter(String letters, String text) {
        return Pattern.compile("(?<![\\p{L}\\p{N}])[" + letters + "](?![\\p{L}\\p{N}])")
                .matcher(text)
                .results()
                .map(found -> found.group())
                .reduce((a, b) -> b);
    }

    private static Optional<String> chosenOption(Choice spec, Sample sample) {
        if (spec.optionsField().isEmpty()) {
            return Optional.empty();
        }
        List<String> options = options(spec.optionsField().get(), sample.fields());
        String completion = folded(sample.completion());
        List<Integer> named = new ArrayList<>();
        for (int i = 0; i < options.size(); i++) {
            if (completion.contains(folded(options.get(i).strip()))) {
                named.add(i);
            }
        }
        return named.size() == 1 ? Optional.of(letter(spec, named.get(0))) : Optional.empty();
    }

    private static String rightLetter(Choice spec, Map<String, JsonNode> fields) {
        JsonNode value = field(spec.answerField(), fields);
        String letters = letters(spec, fields);
        if (value.isTextual()) {
            String text = value.textValue().strip();
            if (text.length() == 1 && letters.contains(text)) {
                return text;
            }
            int option = spec.optionsField()
                    .map(field -> options(field, fields).indexOf(value.textValue()))
                    .orElse(-1);
            if (option >= 0) {
                return letter(spec, option);
            }
        } else if (spec.optionsField().isPresent()
                && value.isIntegralNumber()
                && value.longValue() >= 0
                && value.longValue() < letters.length()) {
            return letter(spec, value.intValue());
        }
        throw new IllegalArgumentException("field \"" + spec.answerField() + "\": expected one of the letters "
                + letters
                + (spec.optionsField().isPresent() ? ", the number of an option from 0, or its text" : "") + ", found "
                + value);
    }

    private static String letter(Choice spec, int option) {
        return spec.letters().substring(option, option + 1);
    }

    private static String letters(Choice spec, Map<String, JsonNode> fields) {
        if (spec.optionsField().isEmpty()) {
            return spec.letters();
        }
        int options = options(spec.optionsField().get(), fields).size();
        if (options > spec.letters().length()) {
            throw new IllegalArgumentException("field \"" + spec.optionsField().get() + "\": found " + options
                    + " options, expected at most " + spec.letters().length() + ", the letters of reward.verifier");
        }
        return spec.letters().substring(0, options);
    }

    private static List<String> options(String name, Map<String, JsonNode> fields) {
        JsonNode value = field(name, fields);
        List<String> options = texts(value);
        if (!value.isArray() || options.size() < 2) {
            throw new IllegalArgumentException(
                    "field \"" + name + "\": expected a list of two or more texts, found " + value);
        }
        return options;
    }

    private static boolean fits(JsonSchema spec, Optional<Schema> given, Sample sample) {
        Schema schema = given.orElseGet(() -> compiled(field(spec.schemaField().orElseThrow(), sample.fields())));
        Optional<String> text = spec.fenced() ? Answers.fenced(sample.completion()) : Optional.of(sample.completion());
        if (text.isEmpty()) {
            return false;
        }
        JsonNode json;
        try {
            json = JSON.readTree(text.get());
        } catch (JsonProcessingException e) {
            return false; // what is no JSON fits no schema
        }
        return !json.isMissingNode() && schema.validate(json).isEmpty();
    }

    private static Schema compiled(JsonNode schema) {
        if (!schema.isObject() && !schema.isBoolean()) {
            throw new IllegalArgumentException("expected a JSON schema, found " + schema);
        }
        try {
            Schema compiled = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
                    .getSchema(schema);
            compiled.initializeValidators();
            return compiled;
        } catch (SchemaException e) {
            throw new IllegalArgumentException(
                    "expected a JSON schema (draft 2020-12), found one with a mistake: "
                            + String.valueOf(e.getMessage()).lines().findFirst().orElse(""),
                    e);
        }
    }

    private static double share(Contains spec, Sample sample) {
        List<String> terms = terms(spec, sample.fields());
        long found = terms.stream()
                .filter(term -> contains(spec, sample.completion(), term))
                .count();
        return (double) (spec.absent() ? terms.size() - found : found) / terms.size();
    }

    private static boolean contains(Contains spec, String completion, String term) {
        String text = spec.ignoreCase() ? folded(completion) : completion;
        String sought = spec.ignoreCase() ? folded(term) : term;
        if (!spec.words()) {
            return text.contains(sought);
        }
        String quoted = Pattern.quote(sought);
        return Pattern.compile("(?<![\\p{L}\\p{N}])" + quoted + "(?![\\p{L}\\p{N}])")
                .matcher(text)
                .find();
    }

    private static List<String> terms(Contains spec, Map<String, JsonNode> fields) {
        if (spec.terms().isPresent()) {
            return spec.terms().get();
        }
        String name = spec.termsField().orElseThrow();
        JsonNode value = field(name, fields);
        List<String> terms = texts(value);
        if (terms.isEmpty() || terms.stream().anyMatch(String::isBlank)) {
            throw new IllegalArgumentException(
                    "field \"" + name + "\": expected a text or a list of texts, found " + value);
        }
        return terms;
    }

    private static double kept(Length spec, Sample sample) {
        long length =
                switch (spec.unit()) {
                    case CHARACTERS ->
                        sample.completion()
                                .codePointCount(0, sample.completion().length());
                    case WORDS ->
                        sample.completion().isBlank()
                                ? 0
                                : sample.completion().strip().split("\\s+").length;
                    case TOKENS -> sample.tokens();
                };
        long outside = Math.max(0, Math.max(spec.from() - length, length - spec.to()));
        if (outside == 0) {
            return 1;
        }
        return outside >= spec.falloff() ? 0 : 1 - (double) outside / spec.falloff();
    }

    private static BigDecimal rightNumber(Numeric spec, Map<String, JsonNode> fields) {
        JsonNode value = field(spec.answerField(), fields);
        Optional<BigDecimal> number = value.isNumber()
                ? Optional.of(value.decimalValue())
                : value.isTextual() ? Answers.wholeNumber(value.textValue().strip()) : Optional.empty();
        return number.orElseThrow(() -> new IllegalArgumentException(
                "field \"" + spec.answerField() + "\": expected a number, found " + value));
    }

    private static String rightText(String name, Map<String, JsonNode> fields) {
        JsonNode value = field(name, fields);
        if (!value.isValueNode() || value.isNull()) {
            throw new IllegalArgumentException("field \"" + name + "\": expected a text, found " + value);
        }
        return value.asText();
    }

    /** Of a text or a list; empty where there is anything else. */
    private static List<String> texts(JsonNode value) {
        if (value.isTextual()) {
            return List.of(value.textValue());
        }
        List<String> texts = new ArrayList<>();
        for (JsonNode item : value) {
            if (!value.isArray() || !item.isValueNode() || item.isNull()) {
                return List.of();
            }
            texts.add(item.asText());
        }
        return texts;
    }

    private static String folded(String text) {
        return text.toLowerCase(Locale.ROOT);
    }

    private static JsonNode field(String name, Map<String, JsonNode> fields) {
        JsonNode value = fields.get(name);
        if (value == null) {
            throw new IllegalArgumentException("field \"" + name + "\" is missing; found " + fields.keySet());
        }
        return value;
    }
}
