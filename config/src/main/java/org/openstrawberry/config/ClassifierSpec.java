package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * A sequence-classification model with one label, in the worker's process; its logit is the reward.
 *
 * @param model absolute path of its Hugging Face directory
 * @param batch samples that are computed as one
 * @param threads threads of one tensor operation, as {@code model.threads}: sums depend on it
 */
@JsonNaming(KebabCaseStrategy.class)
public record ClassifierSpec(
        @JsonPropertyDescription("the path of a Hugging Face model directory")
        String model,

        int batch,
        int threads) implements RewardKind {

    /** Checks ranges. */
    public ClassifierSpec {
        Check.notBlank("model", model);
        Check.atLeast(1, "batch", batch);
        Check.atLeast(1, "threads", threads);
    }
}
