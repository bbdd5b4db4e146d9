package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;

/**
 * How often held-out prompts are answered, and what judges the answers. Before the first iteration and after the last they
 * always are answered.
 *
 * @param every iterations from one evaluation to the next
 * @param samples completions sampled for a held-out prompt at temperature 1, beside the greedy one; 0: greedy only
 * @param reward a judge that the policy is not trained against; its mean score is the held-out result. Its quorum is the
 *     share of the held-out answers that must be scored. Empty: the run's own reward judges
 */
@JsonNaming(KebabCaseStrategy.class)
@JsonInclude(JsonInclude.Include.NON_ABSENT)
public record EvaluationSpec(int every, int samples, Optional<RewardSpec> reward) {

    /** Checks ranges, and that the judge gives an answer that stands alone a score. */
    public EvaluationSpec {
        Check.atLeast(1, "every", every);
        Check.atLeast(0, "samples", samples);
        reward.ifPresent(EvaluationSpec::requireAbsolute);
    }

    private static void requireAbsolute(RewardSpec judge) {
        if (judge.comparesBranches()) {
            boolean sum = judge.sum().isPresent();
            throw new SettingException(
                    sum ? "reward.sum.parts" : "reward.judge.kind",
                    (sum ? "must hold no" : "must be no")
                            + " pairwise judge, which says nothing of the policy: a prompt's"
                            + " answers always win half of the comparisons among them");
        }
        judge.sum().filter(sum -> sum.normalize() != SumSpec.Normalize.NONE).ifPresent(sum -> {
            throw new SettingException(
                    "reward.sum.normalize",
                    "must be none, since scores that are normalised among a prompt's answers say nothing of the policy");
        });
    }
}
