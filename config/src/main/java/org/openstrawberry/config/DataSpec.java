package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;

/**
 * Prompts to train on and prompts held out; both are JSON-lines files that {@link DataFiles} reads.
 *
 * @param prompts absolute path of the training prompts
 * @param heldOut absolute path of the prompts that are only ever answered, never trained on
 * @param promptField field of a line that holds the prompt; the other fields are the verifier's
 */
@JsonNaming(KebabCaseStrategy.class)
public record DataSpec(
        @JsonPropertyDescription("the path of a JSON-lines file")
        String prompts,

        Optional<String> heldOut,
        String promptField) {

    /** Checks that nothing is blank. */
    public DataSpec {
        Check.notBlank("prompts", prompts);
        heldOut.ifPresent(path -> Check.notBlank("held-out", path));
        Check.notBlank("prompt-field", promptField);
    }
}
