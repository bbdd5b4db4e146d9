package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What scores a thought: exactly one kind of reward, and how it is asked.
 *
 * @param verifier a rule
 * @param command a program
 * @param http a service
 * @param judge a language model that judges
 * @param java a class of the class path
 * @param classifier a sequence-classification model
 * @param sum several of these
 * @param timeout of one request, such as 30s; for kinds that may be slow, as the three after it
 * @param concurrency requests at a time
 * @param ratePerSecond requests a second
 * @param retries tries after the first that failed
 * @param quorum share of a prompt's branches that must be scored, above 0 and at most 1; with fewer the prompt is skipped
 */
@JsonNaming(KebabCaseStrategy.class)
@JsonInclude(JsonInclude.Include.NON_ABSENT)
public record RewardSpec(
        @JsonPropertyDescription(VERIFIER) Optional<VerifierSpec> verifier,
        Optional<CommandSpec> command,
        Optional<HttpSpec> http,

        @JsonPropertyDescription(JUDGE) Optional<JudgeSpec> judge,
        Optional<JavaSpec> java,
        Optional<ClassifierSpec> classifier,
        Optional<SumSpec> sum,
        Optional<String> timeout,
        Optional<Integer> concurrency,
        Optional<Double> ratePerSecond,
        Optional<Integer> retries,
        double quorum) {
    static final String VERIFIER =
            "a block of keys with kind: numeric, exact, regex, choice, json-schema, contains or length";
    static final String JUDGE = "a block of keys with kind: pointwise or pairwise";

    /** Checks that there is one kind, and every range. */
    public RewardSpec {
        RewardLimits.of(
                only(verifier, command, http, judge, java, classifier, sum).getKey(),
                timeout,
                concurrency,
                ratePerSecond,
                retries);
        Check.that(quorum > 0 && quorum <= 1, "quorum", "above 0 and at most 1", quorum);
    }

    /** A rule and nothing else. */
    public static RewardSpec of(VerifierSpec verifier, double quorum) {
        return new RewardSpec(
                Optional.of(verifier),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                quorum);
    }

    /** The kind that is given. */
    public RewardKind kind() {
        return only(verifier, command, http, judge, java, classifier, sum).getValue();
    }

    /** How it is asked, with the defaults of its kind. */
    public RewardLimits limits() {
        return RewardLimits.of(
                only(verifier, command, http, judge, java, classifier, sum).getKey(),
                timeout,
                concurrency,
                ratePerSecond,
                retries);
    }

    /** Hands on the kind, or those of a sum's parts. */
    public void each(Consumer<RewardKind> consumer) {
        if (kind() instanceof SumSpec several) {
            several.parts().values().forEach(part -> consumer.accept(part.kind()));
        } else {
            consumer.accept(kind());
        }
    }

    /** Whether it waits for services, and needs no processor time of ours that would be worth a thought. */
    public boolean remote() {
        List<RewardKind> kinds = new ArrayList<>();
        each(kinds::add);
        return kinds.stream().anyMatch(RewardSpec::isService)
                && kinds.stream().allMatch(kind -> isService(kind) || kind instanceof VerifierSpec);
    }

    private static boolean isService(RewardKind kind) {
        return kind instanceof HttpSpec || kind instanceof JudgeSpec;
    }

    /** Whether a completion has a reward only beside others of its prompt. */
    public boolean comparesBranches() {
        return kind() instanceof JudgeSpec.Pairwise || kind() instanceof SumSpec several && several.comparesBranches();
    }

    /** The same for completions that stand alone: a sum of scores as they are. */
    public RewardSpec absolute() {
        return new RewardSpec(
                verifier,
                command,
                http,
                judge,
                java,
                classifier,
                sum.map(SumSpec::absolute),
                timeout,
                concurrency,
                ratePerSecond,
                retries,
                quorum);
    }

    private static Map.Entry<String, RewardKind> only(
            Optional<VerifierSpec> verifier,
            Optional<CommandSpec> command,
            Optional<HttpSpec> http,
            Optional<JudgeSpec> judge,
            Optional<JavaSpec> java,
            Optional<ClassifierSpec> classifier,
            Optional<SumSpec> sum) {
        Map<String, Optional<? extends RewardKind>> kinds = new LinkedHashMap<>();
        kinds.putAll(simple(verifier, command, http, judge, java, classifier));
        kinds.put("sum", sum);
        return RewardKind.only(kinds);
    }

    /** The kinds that are no sum, by key. */
    static Map<String, Optional<? extends RewardKind>> simple(
            Optional<VerifierSpec> verifier,
            Optional<CommandSpec> command,
            Optional<HttpSpec> http,
            Optional<JudgeSpec> judge,
            Optional<JavaSpec> java,
            Optional<ClassifierSpec> classifier) {
        Map<String, Optional<? extends RewardKind>> kinds = new LinkedHashMap<>();
        kinds.put("verifier", verifier);
        kinds.put("command", command);
        kinds.put("http", http);
        kinds.put("judge", judge);
        kinds.put("java", java);
        kinds.put("classifier", classifier);
        return kinds;
    }
}
