package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * The preference loss.
 *
 * @param loss its form
 * @param beta strength of the pull towards the reference, above 0
 */
@JsonNaming(KebabCaseStrategy.class)
public record DpoSpec(Loss loss, double beta) {

    /** Form of the preference loss. */
    public enum Loss {
        /** −log σ(β·(Δπ − Δref)): direct preference optimisation as first published (Rafailov et al., 2023). */
        @JsonProperty("sigmoid")
        SIGMOID
    }

    /** Checks beta. */
    public DpoSpec {
        Check.positive("beta", beta);
    }
}
