package org.openstrawberry.activities.thoughts;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.openstrawberry.activities.lines.EvaluationLine;

/** Whether reward and judge prefer the same of two answers. */
class AgreementTest {

    @Test
    void aRewardThatOrdersAsTheJudgeDoesAgreesInEveryPairOnAnyScale() {
        assertThat(Agreement.of(List.of(List.of(answer(-70.0, 1.0), answer(1e9, 3.0), answer(0.0, 2.0)))))
                .isEqualTo(new Agreement(3, 1));
    }

    @Test
    void aRewardThatOrdersTheOtherWayAgreesInNone() {
        assertThat(Agreement.of(List.of(List.of(answer(3.0, 1.0), answer(2.0, 2.0), answer(1.0, 3.0)))))
                .isEqualTo(new Agreement(3, 0));
    }

    @Test
    void withAJudgeOfRightAndWrongItIsTheAreaUnderTheRocCurve() {
        // sklearn.metrics.roc_auc_score([1, 0, 1, 0], [0.8, 0.8, 0.9, 0.1]) is 0.875.
        assertThat(Agreement.of(
                        List.of(List.of(answer(0.8, 1.0), answer(0.8, 0.0), answer(0.9, 1.0), answer(0.1, 0.0)))))
                .isEqualTo(new Agreement(4, 0.875));
    }

    @Test
    void tiesOfTheJudgeAreNoPairsAndTiesOfTheRewardAreHalves() {
        assertThat(Agreement.of(List.of(List.of(answer(1.0, 1.0), answer(2.0, 1.0), answer(1.0, 0.0)))))
                .isEqualTo(new Agreement(2, 0.75));
    }

    @Test
    void answersToDifferentPromptsAreNotCompared() {
        assertThat(Agreement.of(List.of(
                        List.of(answer(10.0, 1.0), answer(11.0, 2.0)), List.of(answer(0.0, 3.0), answer(1.0, 4.0)))))
                .isEqualTo(new Agreement(2, 1));
    }

    @Test
    void anAnswerThatOneOfThemHasNoScoreForIsInNoPair() {
        assertThat(Agreement.of(List.of(List.of(
                        answer(Optional.empty(), Optional.of(1.0)),
                        answer(Optional.of(2.0), Optional.empty()),
                        answer(1.0, 5.0)))))
                .isEqualTo(new Agreement(0, Double.NaN));
    }

    private static EvaluationLine answer(double reward, double judge) {
        return answer(Optional.of(reward), Optional.of(judge));
    }

    private static EvaluationLine answer(Optional<Double> reward, Optional<Double> judge) {
        return new EvaluationLine(
                0, 0, 0, "", "", 1, true, reward, Optional.empty(), judge, Optional.empty(), Optional.empty());
    }
}
