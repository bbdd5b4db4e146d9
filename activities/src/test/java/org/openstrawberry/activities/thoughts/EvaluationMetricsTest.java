package org.openstrawberry.activities.thoughts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.openstrawberry.activities.lines.EvaluationLine;

/** What the metrics say of held-out answers. */
class EvaluationMetricsTest {

    @Test
    void withoutAJudgeThereIsTheRewardAndItsAccuracyWhereItIsOneOrZero() {
        List<EvaluationLine> lines =
                List.of(answer(0, 0, 1.0), answer(0, 1, 0.0), answer(1, 0, 0.0), answer(1, 1, 0.0));

        assertThat(EvaluationMetrics.of(lines, lines, false))
                .containsExactly(
                        entry("eval/accuracy", 0.5),
                        entry("eval/accuracy_sampled", 0.0),
                        entry("eval/reward", 0.5),
                        entry("eval/quarantined", 0.0),
                        entry("eval/mean_length", 4.0),
                        entry("eval/length_ratio", 1.0),
                        entry("eval/contain_eos_token", 1.0));
    }

    @Test
    void aJudgeIsReportedBesideTheRewardAndNeverMixedWithIt() {
        List<EvaluationLine> lines = List.of(
                judged(0, 0, Optional.of(7.5), Optional.of(1.0)),
                judged(0, 1, Optional.of(8.0), Optional.of(0.0)),
                judged(1, 0, Optional.of(2.5), Optional.empty()),
                judged(1, 1, Optional.empty(), Optional.of(1.0)));

        assertThat(EvaluationMetrics.of(lines, List.of(), false))
                .doesNotContainKeys("eval/accuracy", "eval/accuracy_sampled", "eval/length_ratio")
                .contains(
                        entry("eval/reward", 5.0),
                        entry("eval/judge", 1.0),
                        entry("eval/judge_sampled", 0.5),
                        entry("eval/quarantined", 1.0),
                        entry("eval/judge_quarantined", 1.0),
                        entry("eval/agreement", 0.0),
                        entry("eval/agreement_pairs", 1.0));
    }

    @Test
    void winsAmongAPromptsAnswersHaveNoMeanButAgreeOrNot() {
        List<EvaluationLine> lines = List.of(
                judged(0, 0, Optional.of(1.0), Optional.of(0.9)), judged(0, 1, Optional.of(0.0), Optional.of(0.2)));

        assertThat(EvaluationMetrics.of(lines, List.of(), true))
                .doesNotContainKeys("eval/reward", "eval/accuracy")
                .contains(entry("eval/agreement", 1.0), entry("eval/judge", 0.9));
    }

    @Test
    void lengthAndEndingAreOfTheGreedyAnswersAndDivergenceOfTheSampledOnes() {
        List<EvaluationLine> first = List.of(drifted(0, 4, true, 0.0), drifted(1, 100, true, 0.0));
        List<EvaluationLine> now =
                List.of(drifted(0, 10, false, 99), drifted(1, 1, true, 3.0), drifted(2, 1, true, -1.0));

        assertThat(EvaluationMetrics.of(now, first, false))
                .contains(
                        entry("eval/mean_length", 10.0),
                        entry("eval/length_ratio", 2.5),
                        entry("eval/contain_eos_token", 0.0),
                        entry("objective/kl_initial", 1.0));
    }

    private static EvaluationLine answer(int prompt, int sample, double reward) {
        return new EvaluationLine(
                0,
                prompt,
                sample,
                "",
                "",
                4,
                true,
                Optional.of(reward),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }

    private static EvaluationLine judged(int prompt, int sample, Optional<Double> reward, Optional<Double> judge) {
        return new EvaluationLine(
                0,
                prompt,
                sample,
                "",
                "",
                4,
                true,
                reward,
                reward.isPresent() ? Optional.empty() : Optional.of("down"),
                judge,
                judge.isPresent() ? Optional.empty() : Optional.of("down"),
                Optional.empty());
    }

    private static EvaluationLine drifted(int sample, int tokens, boolean ended, double logRatio) {
        return new EvaluationLine(
                0,
                0,
                sample,
                "",
                "",
                tokens,
                ended,
                Optional.of(1.0),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.of(logRatio));
    }
}
