package org.openstrawberry.model.classification;

import java.util.List;
import org.openstrawberry.model.training.Logistic;

/**
 * How scores fit preferences, by the model of Bradley and Terry (1952): the first text is preferred with probability
 * σ(r_chosen − r_rejected).
 *
 * @param loss mean of −log σ(r_chosen − r_rejected − margin), in nats
 * @param accuracy share of the pairs whose preferred text has the higher score; equal scores count half
 * @param margin mean of r_chosen − r_rejected
 */
public record PairFit(double loss, double accuracy, double margin) {
    /**
     * The fit of given scores.
     *
     * @param pairs at least one
     * @param chosen score of each pair's preferred text
     * @param rejected score of each pair's other text
     */
    public static PairFit of(List<ScoredPair> pairs, double[] chosen, double[] rejected) {
        double loss = 0;
        double right = 0;
        double margin = 0;
        for (int i = 0; i < pairs.size(); i++) {
            double difference = chosen[i] - rejected[i];
            loss -= Logistic.logSigmoid(difference - pairs.get(i).margin());
            right += (Math.signum(difference) + 1) / 2;
            margin += difference;
        }
        return new PairFit(loss / pairs.size(), right / pairs.size(), margin / pairs.size());
    }
}
