package org.openstrawberry.activities.thoughts;

import java.util.List;
import java.util.Optional;
import org.openstrawberry.activities.lines.EvaluationLine;

/**
 * How far the reward that a policy is trained against goes along with a judge: of two answers to the same prompt of which
 * the judge prefers one, the share in which the reward prefers the same one, a tie of the reward counting half. It is the
 * pairwise accuracy by which reward models are compared, the concordance index of Harrell et al. (1982), and of a judge that
 * only says right or wrong the area under the ROC curve within prompts. Answers to different prompts are not compared:
 * rewards only order those of the same.
 *
 * @param pairs of which the judge preferred one and both have a reward
 * @param concordant share of the pairs, ties as halves; NaN where there are none
 */
record Agreement(int pairs, double concordant) {

    /**
     * The agreement over all prompts, each pair weighing the same.
     *
     * @param byPrompt the answers of each prompt
     */
    static Agreement of(Iterable<List<EvaluationLine>> byPrompt) {
        int pairs = 0;
        int twiceConcordant = 0;
        for (List<EvaluationLine> answers : byPrompt) {
            for (int i = 0; i < answers.size(); i++) {
                for (int j = i + 1; j < answers.size(); j++) {
                    int judge = order(answers.get(i).judge(), answers.get(j).judge());
                    boolean rewarded = answers.get(i).reward().isPresent()
                            && answers.get(j).reward().isPresent();
                    if (judge != 0 && rewarded) {
                        pairs++;
                        twiceConcordant += 1
                                + judge
                                        * order(
                                                answers.get(i).reward(),
                                                answers.get(j).reward());
                    }
                }
            }
        }
        return new Agreement(pairs, twiceConcordant / 2.0 / pairs);
    }

    /** −1, 0 or 1; 0 also where one is missing. */
    private static int order(Optional<Double> one, Optional<Double> other) {
        return one.flatMap(a -> other.map(b -> Double.compare(a - b, 0.0))).orElse(0);
    }
}
