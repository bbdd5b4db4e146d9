package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A rule that scores a completion by its text; {@code kind} tells which in the run file. All give 1 or 0 but
 * {@code contains} and {@code length}, which give a share from 0 to 1.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
@JsonSubTypes({
    @JsonSubTypes.Type(value = VerifierSpec.Numeric.class, name = "numeric"),
    @JsonSubTypes.Type(value = VerifierSpec.Exact.class, name = "exact"),
    @JsonSubTypes.Type(value = VerifierSpec.Regex.class, name = "regex"),
    @JsonSubTypes.Type(value = VerifierSpec.Choice.class, name = "choice"),
    @JsonSubTypes.Type(value = VerifierSpec.JsonSchema.class, name = "json-schema"),
    @JsonSubTypes.Type(value = VerifierSpec.Contains.class, name = "contains"),
    @JsonSubTypes.Type(value = VerifierSpec.Length.class, name = "length")
})
public sealed interface VerifierSpec extends RewardKind {

    /** True when a completion that was cut off before its end-of-sequence token scores 0 whatever it says. */
    boolean requireEos();

    /**
     * A number in the completion equals the number in the prompt's line. A difference counts as none where it is at most
     * {@code tolerance} or at most {@code relative-tolerance} times the right number.
     *
     * @param answerField field of the prompt's line that holds the right number
     * @param after text that the number follows; empty: the last number of the completion counts
     * @param boxed true when the number is that of the last {@code \boxed{…}}; not with {@code after}
     * @param once true when {@code after} must stand exactly once; needs {@code after}
     * @param requireEos true when a cut-off completion scores 0
     * @param tolerance largest absolute difference that still counts as equal
     * @param relativeTolerance largest share of the right number that still counts as equal
     */
    @JsonNaming(KebabCaseStrategy.class)
    record Numeric(
            String answerField,
            String after,
            boolean boxed,
            boolean once,
            boolean requireEos,
            double tolerance,
            double relativeTolerance)
            implements VerifierSpec {

        /** Checks ranges. */
        public Numeric {
            Check.notBlank("answer-field", answerField);
            if (once && after.isEmpty()) {
                throw new SettingException("once", "needs after, which is empty", "after");
            }
            oneMark(after, boxed);
            Check.notNegative("tolerance", tolerance);
            Check.notNegative("relative-tolerance", relativeTolerance);
        }
    }

    /**
     * The completion is the text in the prompt's line.
     *
     * @param answerField field of the prompt's line that holds the right text
     * @param boxed true when only what stands in the last {@code \boxed{…}} is compared
     * @param ignoreCase true when capitals and small letters are the same
     * @param requireEos true when a cut-off completion scores 0
     * @param trim true when white space around both texts is of no account
     */
    @JsonNaming(KebabCaseStrategy.class)
    record Exact(String answerField, boolean boxed, boolean ignoreCase, boolean requireEos, boolean trim)
            implements VerifierSpec {

        /** Checks that the field has a name. */
        public Exact {
            Check.notBlank("answer-field", answerField);
        }
    }

    /**
     * The completion chooses the right option. It chooses by a letter that stands alone: the one that follows
     * {@code after}, or that of the last {@code \boxed{…}}, or else the last one; where it names no letter, by the text of
     * exactly one option.
     *
     * @param answerField field of the prompt's line with the right letter; where {@code optionsField} is given, also the
     *     option's number from 0, or its text
     * @param letters of the options, in order
     * @param optionsField field of the prompt's line with the list of options; without it all letters are options
     * @param after text that the letter follows; empty: the last one counts
     * @param boxed true when the letter is that of the last {@code \boxed{…}}; not with {@code after}
     * @param requireEos true when a cut-off completion scores 0
     */
    @JsonNaming(KebabCaseStrategy.class)
    @JsonInclude(JsonInclude.Include.NON_ABSENT)
    record Choice(
            String answerField,
            String letters,
            Optional<String> optionsField,
            String after,
            boolean boxed,
            boolean requireEos)
            implements VerifierSpec {
        private static final Pattern LETTERS = Pattern.compile("[A-Z]{2,26}");

        /** Checks the letters. */
        public Choice {
            Check.notBlank("answer-field", answerField);
            boolean different = letters.chars().distinct().count() == letters.length();
            Check.that(
                    LETTERS.matcher(letters).matches() && different,
                    "letters",
                    "two or more different capital letters",
                    letters);
            optionsField.ifPresent(field -> Check.notBlank("options-field", field));
            oneMark(after, boxed);
        }
    }

    /**
     * The completion is JSON that a JSON schema (draft 2020-12) accepts.
     *
     * @param schema the schema
     * @param schemaField field of the prompt's line that holds the schema, in place of {@code schema}
     * @param fenced true when the JSON is what stands in the completion's last fenced block (between lines that begin with
     *     three backticks); false: the whole completion
     * @param requireEos true when a cut-off completion scores 0
     */
    @JsonNaming(KebabCaseStrategy.class)
    @JsonInclude(JsonInclude.Include.NON_ABSENT)
    record JsonSchema(
            Optional<Map<String, Object>> schema, Optional<String> schemaField, boolean fenced, boolean requireEos)
            implements VerifierSpec {

        /** Checks that there is one schema. */
        public JsonSchema {
            schema = schema.map(given -> Collections.unmodifiableMap(new LinkedHashMap<>(given)));
            if (schema.isPresent() == schemaField.isPresent()) {
                throw new SettingException(
                        "schema",
                        schema.isPresent()
                                ? "stands beside schema-field; expected one of them"
                                : "missing; expected a JSON schema here, or schema-field",
                        "schema-field");
            }
            schemaField.ifPresent(field -> Check.notBlank("schema-field", field));
        }
    }

    /**
     * The share of terms that the completion contains.
     *
     * @param terms the terms
     * @param termsField field of the prompt's line with a term or a list of terms, in place of {@code terms}
     * @param absent true when the share of terms that are <em>not</em> contained counts
     * @param words true when a term must stand as whole words
     * @param ignoreCase true when capitals and small letters are the same
     * @param requireEos true when a cut-off completion scores 0
     */
    @JsonNaming(KebabCaseStrategy.class)
    @JsonInclude(JsonInclude.Include.NON_ABSENT)
    record Contains(
            Optional<List<String>> terms,
            Optional<String> termsField,
            boolean absent,
            boolean words,
            boolean ignoreCase,
            boolean requireEos)
            implements VerifierSpec {

        /** Checks that there are terms. */
        public Contains {
            terms = terms.map(List::copyOf);
            if (terms.isPresent() == termsField.isPresent()) {
                throw new SettingException(
                        "terms",
                        terms.isPresent()
                                ? "stands beside terms-field; expected one of them"
                                : "missing; expected a list of texts here, or terms-field",
                        "terms-field");
            }
            terms.ifPresent(list -> Check.that(
                    !list.isEmpty() && list.stream().noneMatch(String::isBlank),
                    "terms",
                    "one or more texts that are not empty",
                    list));
            termsField.ifPresent(field -> Check.notBlank("terms-field", field));
        }
    }

    /**
     * How well the completion keeps to a length: 1 from {@code from} to {@code to}, and outside less by 1/{@code falloff} a
     * unit, down to 0.
     *
     * @param unit what is counted
     * @param from least length that scores 1
     * @param to greatest length that scores 1
     * @param falloff units outside the range at which the score is 0; 0: at once
     * @param requireEos true when a cut-off completion scores 0
     */
    @JsonNaming(KebabCaseStrategy.class)
    record Length(Unit unit, int from, int to, int falloff, boolean requireEos) implements VerifierSpec {

        /** What a length is counted in. */
        public enum Unit {
            /** Unicode characters. */
            @JsonProperty("characters")
            CHARACTERS,
            /** Stretches without white space. */
            @JsonProperty("words")
            WORDS,
            /** Tokens, the end-of-sequence token included. */
            @JsonProperty("tokens")
            TOKENS
        }

        /** Checks the range. */
        public Length {
            Check.atLeast(0, "from", from);
            if (to < from) {
                throw new SettingException("to", "must be at least from (" + from + "), found " + to, "from");
            }
            Check.atLeast(0, "falloff", falloff);
        }
    }

    /**
     * A regular expression matches somewhere in the completion.
     *
     * @param pattern in the syntax of {@link Pattern}
     * @param requireEos true when a cut-off completion scores 0
     */
    @JsonNaming(KebabCaseStrategy.class)
    record Regex(
            @JsonPropertyDescription("a regular expression") String pattern, boolean requireEos)
            implements VerifierSpec {

        /** Checks that the pattern compiles. */
        public Regex {
            try {
                Pattern.compile(pattern);
            } catch (PatternSyntaxException e) {
                // Its message draws a picture over several lines; the description alone is one.
                String where = e.getIndex() < 0 ? "" : " near index " + e.getIndex();
                throw new SettingException(
                        "pattern",
                        "must be a regular expression, found " + Check.quoted(pattern) + " (" + e.getDescription()
                                + where + ")");
            }
        }
    }

    private static void oneMark(String after, boolean boxed) {
        if (boxed && !after.isEmpty()) {
            throw new SettingException("boxed", "stands beside after; expected one of them", "after");
        }
    }
}
