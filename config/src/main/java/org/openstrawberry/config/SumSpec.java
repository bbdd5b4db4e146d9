package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Several rewards as one: Σ weight · normalised score, less {@code lengthPenalty} for each token, less
 * {@code missingEosPenalty} where the completion was cut off. A completion that one part has no score for has no reward.
 *
 * @param parts by names of the user's, which score lines repeat
 * @param normalize what is done to the scores of each part before they are weighed
 * @param lengthPenalty taken off for each token of the completion, the end-of-sequence token included
 * @param missingEosPenalty taken off where the completion did not end by itself
 */
@JsonNaming(KebabCaseStrategy.class)
public record SumSpec(
        @JsonPropertyDescription("a block of named rewards") Map<String, Part> parts,

        Normalize normalize,
        double lengthPenalty,
        double missingEosPenalty)
        implements RewardKind {

    /** What is done to a part's scores. */
    public enum Normalize {
        /** Nothing. */
        @JsonProperty("none")
        NONE,
        /** Less their mean, by their standard deviation, among the prompt's completions; 0 where all are equal. */
        @JsonProperty("z-score")
        Z_SCORE,
        /** Their rank among the prompt's completions, from 0 for the worst to 1 for the best; equal ones share theirs. */
        @JsonProperty("rank")
        RANK
    }

    /**
     * One reward of a sum.
     *
     * @param weight of its scores, not 0; below 0 takes off
     */
    @JsonNaming(KebabCaseStrategy.class)
    @JsonInclude(JsonInclude.Include.NON_ABSENT)
    public record Part(
            double weight,

            @JsonPropertyDescription(RewardSpec.VERIFIER) Optional<VerifierSpec> verifier,
            Optional<CommandSpec> command,
            Optional<HttpSpec> http,

            @JsonPropertyDescription(RewardSpec.JUDGE) Optional<JudgeSpec> judge,
            Optional<JavaSpec> java,
            Optional<ClassifierSpec> classifier,
            Optional<String> timeout,
            Optional<Integer> concurrency,
            Optional<Double> ratePerSecond,
            Optional<Integer> retries) {

        /** Checks that there is one kind, and every range. */
        public Part {
            Check.that(weight != 0 && Double.isFinite(weight), "weight", "a number that is not 0", weight);
            RewardLimits.of(
                    RewardKind.only(RewardSpec.simple(verifier, command, http, judge, java, classifier))
                            .getKey(),
                    timeout,
                    concurrency,
                    ratePerSecond,
                    retries);
        }

        /** The kind that is given. */
        public RewardKind kind() {
            return RewardKind.only(RewardSpec.simple(verifier, command, http, judge, java, classifier))
                    .getValue();
        }

        /** How it is asked, with the defaults of its kind. */
        public RewardLimits limits() {
            return RewardLimits.of(
                    RewardKind.only(RewardSpec.simple(verifier, command, http, judge, java, classifier))
                            .getKey(),
                    timeout,
                    concurrency,
                    ratePerSecond,
                    retries);
        }
    }

    /** Checks that there are parts; they are added in the order of their names, so that equal settings give equal sums. */
    public SumSpec {
        parts = Collections.unmodifiableMap(new TreeMap<>(parts));
        Check.that(!parts.isEmpty(), "parts", "one or more named rewards", parts);
        Check.notNegative("length-penalty", lengthPenalty);
        Check.notNegative("missing-eos-penalty", missingEosPenalty);
    }

    boolean comparesBranches() {
        return parts.values().stream().anyMatch(part -> part.kind() instanceof JudgeSpec.Pairwise);
    }

    SumSpec absolute() {
        return new SumSpec(parts, Normalize.NONE, lengthPenalty, missingEosPenalty);
    }
}
