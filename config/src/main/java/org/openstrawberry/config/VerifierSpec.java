package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** A rule that gives a completion 1 or 0; {@code kind} tells which in the run file. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
@JsonSubTypes({
    @JsonSubTypes.Type(value = VerifierSpec.Numeric.class, name = "numeric"),
    @JsonSubTypes.Type(value = VerifierSpec.Exact.class, name = "exact"),
    @JsonSubTypes.Type(value = VerifierSpec.Regex.class, name = "regex")
})
public sealed interface VerifierSpec {

    /** True when a completion that was cut off before its end-of-sequence token scores 0 whatever it says. */
    boolean requireEos();

    /**
     * A number in the completion equals the number in the prompt's line.
     *
     * @param answerField field of the prompt's line that holds the right number
     * @param after text that the number follows; empty: the last number of the completion counts
     * @param once true when {@code after} must stand exactly once; needs {@code after}
     * @param requireEos true when a cut-off completion scores 0
     * @param tolerance largest absolute difference that still counts as equal
     */
    @JsonNaming(KebabCaseStrategy.class)
    record Numeric(String answerField, String after, boolean once, boolean requireEos, double tolerance)
            implements VerifierSpec {

        /** Checks ranges. */
        public Numeric {
            Check.notBlank("answer-field", answerField);
            if (once && after.isEmpty()) {
                throw new SettingException("once", "needs reward.verifier.after, which is empty", "after");
            }
            Check.notNegative("tolerance", tolerance);
        }
    }

    /**
     * The completion is the text in the prompt's line.
     *
     * @param answerField field of the prompt's line that holds the right text
     * @param requireEos true when a cut-off completion scores 0
     * @param trim true when white space around both texts is of no account
     */
    @JsonNaming(KebabCaseStrategy.class)
    record Exact(String answerField, boolean requireEos, boolean trim) implements VerifierSpec {

        /** Checks that the field has a name. */
        public Exact {
            Check.notBlank("answer-field", answerField);
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
}
