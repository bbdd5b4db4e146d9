package org.openstrawberry.config;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;

/**
 * Low-rank adapters, trained in the place of the model's weights (Hu et al. 2021, arXiv 2106.09685).
 *
 * @param rank of an adapter's two matrices
 * @param alpha numerator of the scale, alpha / rank
 * @param rankStabilized whether the scale is alpha / √rank instead
 * @param targets ends of the adapted layers' names; {@code all-linear} is every linear layer but the output
 * @param dropout must be 0: with it no two passes would agree
 */
@JsonNaming(KebabCaseStrategy.class)
public record LoraSpec(int rank, double alpha, boolean rankStabilized, List<String> targets, double dropout) {

    /** Checks ranges. */
    public LoraSpec {
        Check.atLeast(1, "rank", rank);
        Check.positive("alpha", alpha);
        targets = List.copyOf(targets);
        Check.that(
                !targets.isEmpty() && targets.stream().noneMatch(String::isBlank),
                "targets",
                "at least one layer's name",
                targets);
        Check.that(dropout == 0, "dropout", "0", dropout);
    }
}
