package org.openstrawberry.activities.rewards;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.VerifierSpec;
import org.openstrawberry.config.VerifierSpec.Exact;
import org.openstrawberry.config.VerifierSpec.Numeric;
import org.openstrawberry.config.VerifierSpec.Regex;
import reactor.core.publisher.Mono;

/** Rewards of 1 or 0 by a rule. */
public final class Verifiers {
    private static final Pattern NUMBER = Pattern.compile("[-+]?\\d+(?:,\\d{3})*(?:\\.\\d+)?");

    private Verifiers() {}

    /** The reward that the settings describe. */
    public static Reward of(VerifierSpec spec) {
        Predicate<Sample> rule = rule(spec);
        return sample ->
                Mono.fromCallable(() -> (sample.ended() || !spec.requireEos()) && rule.test(sample) ? 1.0 : 0.0);
    }

    /**
     * Checks that every prompt's line has what the rule compares with.
     *
     * @throws InvalidInputException naming the file and line that lacks it
     */
    public static void check(VerifierSpec spec, Path file, List<PromptRow> rows) {
        for (PromptRow row : rows) {
            try {
                if (spec instanceof Numeric numeric) {
                    rightNumber(numeric, row.fields());
                } else if (spec instanceof Exact exact) {
                    rightText(exact, row.fields());
                }
            } catch (IllegalArgumentException e) {
                throw new InvalidInputException(file + ":" + row.line() + ": " + e.getMessage(), e);
            }
        }
    }

    private static Predicate<Sample> rule(VerifierSpec spec) {
        if (spec instanceof Numeric numeric) {
            return sample -> isRight(numeric, sample);
        }
        if (spec instanceof Exact exact) {
            return sample -> isRight(exact, sample);
        }
        return matches(Pattern.compile(((Regex) spec).pattern()));
    }

    private static boolean isRight(Numeric spec, Sample sample) {
        BigDecimal right = rightNumber(spec, sample.fields());
        return answer(spec, sample.completion())
                .map(found -> found.subtract(right).abs().compareTo(BigDecimal.valueOf(spec.tolerance())) <= 0)
                .orElse(false);
    }

    private static Optional<BigDecimal> answer(Numeric spec, String completion) {
        if (spec.after().isEmpty()) {
            return NUMBER.matcher(completion)
                    .results()
                    .map(found -> number(found.group()))
                    .reduce((a, b) -> b);
        }
        int at = completion.lastIndexOf(spec.after());
        if (at < 0 || (spec.once() && completion.indexOf(spec.after()) != at)) {
            return Optional.empty();
        }
        String rest = completion.substring(at + spec.after().length()).stripLeading();
        Matcher matcher = NUMBER.matcher(rest);
        return matcher.lookingAt() ? Optional.of(number(matcher.group())) : Optional.empty();
    }

    private static BigDecimal number(String text) {
        return new BigDecimal(text.replace(",", ""));
    }

    private static boolean isRight(Exact spec, Sample sample) {
        String right = rightText(spec, sample.fields());
        return spec.trim()
                ? sample.completion().strip().equals(right.strip())
                : sample.completion().equals(right);
    }

    private static Predicate<Sample> matches(Pattern pattern) {
        return sample -> pattern.matcher(sample.completion()).find();
    }

    private static BigDecimal rightNumber(Numeric spec, Map<String, JsonNode> fields) {
        JsonNode value = field(spec.answerField(), fields);
        if (value.isNumber()) {
            return value.decimalValue();
        }
        if (value.isTextual() && NUMBER.matcher(value.textValue().strip()).matches()) {
            return number(value.textValue().strip());
        }
        throw new IllegalArgumentException("field \"" + spec.answerField() + "\": expected a number, found " + value);
    }

    private static String rightText(Exact spec, Map<String, JsonNode> fields) {
        JsonNode value = field(spec.answerField(), fields);
        if (!value.isValueNode() || value.isNull()) {
            throw new IllegalArgumentException("field \"" + spec.answerField() + "\": expected a text, found " + value);
        }
        return value.asText();
    }

    private static JsonNode field(String name, Map<String, JsonNode> fields) {
        JsonNode value = fields.get(name);
        if (value == null) {
            throw new IllegalArgumentException("field \"" + name + "\" is missing; found " + fields.keySet());
        }
        return value;
    }
}
