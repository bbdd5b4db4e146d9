package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import java.util.Optional;

/**
 * Low-rank adapters, trained in the place of the model's weights (Hu et al. 2021, arXiv 2106.09685). They begin fresh, or
 * from those of a directory: then that says what they are, and what is said here beside it must agree.
 *
 * @param from absolute path of a directory with adapters, as PEFT stores them
 * @param rank of an adapter's two matrices; there unless {@code from} is, as those that follow
 * @param alpha numerator of the scale, alpha / rank
 * @param rankStabilized whether the scale is alpha / √rank instead
 * @param targets ends of the adapted layers' names; {@code all-linear} is every linear layer but the output
 * @param dropout must be 0: with it no two passes would agree
 */
@JsonNaming(KebabCaseStrategy.class)
public record LoraSpec(
        @JsonPropertyDescription("the path of a directory with adapters")
        Optional<String> from,

        Optional<Integer> rank,
        Optional<Double> alpha,
        Optional<Boolean> rankStabilized,
        Optional<List<String>> targets,
        double dropout) {

    /** Checks ranges. */
    public LoraSpec {
        from.ifPresent(path -> Check.notBlank("from", path));
        if (from.isEmpty()) {
            requireFresh("rank", rank);
            requireFresh("alpha", alpha);
            requireFresh("rank-stabilized", rankStabilized);
            requireFresh("targets", targets);
        }
        rank.ifPresent(found -> Check.atLeast(1, "rank", found));
        alpha.ifPresent(found -> Check.positive("alpha", found));
        targets = targets.map(List::copyOf);
        targets.ifPresent(found -> Check.that(
                !found.isEmpty() && found.stream().noneMatch(String::isBlank),
                "targets",
                "at least one layer's name",
                found));
        Check.that(dropout == 0, "dropout", "0", dropout);
    }

    private static void requireFresh(String key, Optional<?> value) {
        if (value.isEmpty()) {
            throw new SettingException(key, "must be set where lora.from is not, found null");
        }
    }

    /** Adapters that begin fresh. */
    public static LoraSpec fresh(int rank, double alpha, boolean rankStabilized, List<String> targets) {
        return new LoraSpec(
                Optional.empty(),
                Optional.of(rank),
                Optional.of(alpha),
                Optional.of(rankStabilized),
                Optional.of(targets),
                0);
    }
}
