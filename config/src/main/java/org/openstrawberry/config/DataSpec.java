package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;

/**
 * Prompts to train on and prompts held out, which are files of JSON lines, CSV or Parquet, and what is left out of them.
 *
 * @param prompts absolute path of the training prompts
 * @param heldOut absolute path of the prompts that are only ever answered, never trained on
 * @param promptField column with the prompt, a text or a list of chat messages; the others are for the reward
 * @param messagesField column with the prompt as chat messages, in place of {@code promptField}; without it a row that lacks
 *     {@code promptField} has its messages in {@code messages}
 * @param heldOutFraction share of the prompts that is held out, in place of {@code heldOut}; which ones, only their own text
 *     decides
 * @param maxPromptTokens longest prompt that is used; longer ones are left out and counted
 * @param dropDuplicates true when only the first of several rows of the same prompt is used
 * @param onError what a row that can't be read does; empty: fails
 */
@JsonNaming(KebabCaseStrategy.class)
public record DataSpec(
        @JsonPropertyDescription(PROMPTS) String prompts,
        Optional<String> heldOut,
        String promptField,
        Optional<String> messagesField,
        Optional<Double> heldOutFraction,
        Optional<Integer> maxPromptTokens,
        boolean dropDuplicates,
        Optional<OnError> onError) {
    private static final String PROMPTS = "the path of a file of JSON lines, CSV or Parquet";

    /** What a row that can't be read does. */
    public enum OnError {
        /** Stops the run before any work. */
        @JsonProperty("fail")
        FAIL,
        /** Is left out and counted. */
        @JsonProperty("skip")
        SKIP
    }

    /** Checks that nothing is blank, and ranges. */
    public DataSpec {
        Check.notBlank("prompts", prompts);
        heldOut.ifPresent(path -> Check.notBlank("held-out", path));
        Check.notBlank("prompt-field", promptField);
        messagesField.ifPresent(field -> Check.notBlank("messages-field", field));
        if (heldOut.isPresent() && heldOutFraction.isPresent()) {
            throw new SettingException("held-out-fraction", "stands beside held-out; expected one of them", "held-out");
        }
        heldOutFraction.ifPresent(
                share -> Check.that(share > 0 && share < 1, "held-out-fraction", "above 0 and below 1", share));
        maxPromptTokens.ifPresent(most -> Check.atLeast(1, "max-prompt-tokens", most));
    }

    /** Files of plain prompts, all of whose rows are used. */
    public static DataSpec of(String prompts, Optional<String> heldOut, String promptField) {
        return new DataSpec(
                prompts,
                heldOut,
                promptField,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false,
                Optional.empty());
    }

    /** Whether prompts are held out. */
    public boolean holdsOut() {
        return heldOut.isPresent() || heldOutFraction.isPresent();
    }

    /** Whether rows that can't be read are left out. */
    public boolean skipsBroken() {
        return onError.filter(OnError.SKIP::equals).isPresent();
    }
}
