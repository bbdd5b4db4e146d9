package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A language model that judges, asked by the chat completions of OpenAI's API; {@code kind} tells how in the run file. In
 * templates <code>{{prompt}}</code> and <code>{{fields.NAME}}</code> stand for the prompt and a field of its line.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
@JsonSubTypes({
    @JsonSubTypes.Type(value = JudgeSpec.Pointwise.class, name = "pointwise"),
    @JsonSubTypes.Type(value = JudgeSpec.Pairwise.class, name = "pairwise")
})
public sealed interface JudgeSpec extends RewardKind {

    /** Base address of the API, such as {@code http://localhost:8000/v1}; {@code /chat/completions} is added. */
    String url();

    /** The judge's name at the service. */
    String model();

    /** As {@link HttpSpec#headers}. */
    Map<String, String> headers();

    /** The system message; empty: none. */
    String system();

    /** The user's message. */
    String template();

    /** A regular expression whose first group is the verdict; its last match in the answer counts. */
    String pattern();

    /** Longest answer, in the judge's tokens; empty: not sent. */
    Optional<Integer> maxTokens();

    /** Of the judge's sampling; empty: not sent. */
    Optional<Double> temperature();

    /**
     * The judge gives each completion a number.
     *
     * @param template also has <code>{{completion}}</code>
     * @param from least score that is believed
     * @param to greatest score that is believed
     */
    @JsonNaming(KebabCaseStrategy.class)
    record Pointwise(
            String url,
            String model,
            Map<String, String> headers,
            String system,
            String template,
            String pattern,
            double from,
            double to,
            Optional<Integer> maxTokens,
            Optional<Double> temperature)
            implements JudgeSpec {

        /** Checks template, pattern and ranges. */
        public Pointwise {
            headers = Headers.checked(headers);
            JudgeSpec.check(url, model, pattern, maxTokens, temperature);
            JudgeSpec.checkTemplate(template, List.of("completion"));
            JudgeSpec.checkPlaceholders("system", system, List.of("completion"));
            if (to <= from) {
                throw new SettingException("to", "must be above from (" + from + "), found " + to, "from");
            }
        }
    }

    /**
     * The judge compares each two completions of a prompt, in both orders; the reward is the share of comparisons won, a tie
     * counting half.
     *
     * @param template also has <code>{{first}}</code> and <code>{{second}}</code>
     * @param pattern its group is {@code A} where the first is better, {@code B} the second, {@code C} neither
     */
    @JsonNaming(KebabCaseStrategy.class)
    record Pairwise(
            String url,
            String model,
            Map<String, String> headers,
            String system,
            String template,
            String pattern,
            Optional<Integer> maxTokens,
            Optional<Double> temperature)
            implements JudgeSpec {

        /** Checks template, pattern and ranges. */
        public Pairwise {
            headers = Headers.checked(headers);
            JudgeSpec.check(url, model, pattern, maxTokens, temperature);
            JudgeSpec.checkTemplate(template, List.of("first", "second"));
            JudgeSpec.checkPlaceholders("system", system, List.of("first", "second"));
        }
    }

    private static void check(
            String url, String model, String pattern, Optional<Integer> maxTokens, Optional<Double> temperature) {
        Check.url("url", url);
        Check.notBlank("model", model);
        try {
            int groups = Pattern.compile(pattern).matcher("").groupCount();
            Check.that(groups == 1, "pattern", "a regular expression with one group", pattern);
        } catch (PatternSyntaxException e) {
            throw new SettingException(
                    "pattern",
                    "must be a regular expression, found " + Check.quoted(pattern) + " (" + e.getDescription() + ")");
        }
        maxTokens.ifPresent(most -> Check.atLeast(1, "max-tokens", most));
        temperature.ifPresent(value -> Check.notNegative("temperature", value));
    }

    private static void checkTemplate(String template, List<String> needed) {
        checkPlaceholders("template", template, needed);
        for (String name : needed) {
            if (!template.contains("{{" + name + "}}")) {
                throw new SettingException("template", "must hold {{" + name + "}}, found " + Check.quoted(template));
            }
        }
    }

    private static void checkPlaceholders(String key, String template, List<String> own) {
        Matcher placeholder = Pattern.compile("\\{\\{(.*?)}}").matcher(template);
        while (placeholder.find()) {
            String name = placeholder.group(1);
            if (!name.equals("prompt") && !name.startsWith("fields.") && !own.contains(name)) {
                throw new SettingException(
                        key,
                        "must hold no {{…}} but prompt, fields.NAME, " + String.join(", ", own) + "; found "
                                + Check.quoted("{{" + name + "}}"));
            }
        }
    }
}
