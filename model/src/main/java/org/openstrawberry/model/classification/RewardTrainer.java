package org.openstrawberry.model.classification;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.openstrawberry.model.pretrained.Parameters;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.Gradients;
import org.openstrawberry.model.training.Logistic;
import org.openstrawberry.model.training.MicroBatches;
import org.openstrawberry.model.training.Optimizer;
import org.openstrawberry.model.transformer.Pass;

/**
 * Learning to score from preferences: the mean over a batch of
 * −log σ(r<sub>chosen</sub> − r<sub>rejected</sub> − margin), Bradley and Terry's model (Ouyang et al. 2022,
 * arXiv 2203.02155, eq. 1; the margin by Touvron et al. 2023, arXiv 2307.09288, eq. 2).
 */
public final class RewardTrainer {
    /** The two texts of a pair stand in the same micro-batch: the slope of each depends on both scores. */
    private static final int ROWS_EACH = 2;

    private final Classifier classifier;

    /**
     * A trainer.
     *
     * @param classifier of one label
     * @throws IllegalArgumentException if it has several
     */
    public RewardTrainer(Classifier classifier) {
        int labels = classifier.decoder().config().labels();
        if (labels != 1) {
            throw new IllegalArgumentException("the model has " + labels + " labels, expected one");
        }
        this.classifier = classifier;
    }

    /**
     * One step. Every pair of the batch weighs the same, however the batch is parted into micro-batches.
     *
     * @param weights their trained tensors are changed in place
     * @param optimizer of the weights
     * @param batch at least one pair
     * @param learningRate of this step
     * @param clipNorm limit of the gradient's norm; 0 is none
     * @param microBatchTokens most tokens computed at a time, padding counted; a pair larger than that stands alone
     * @return what was found before the update
     * @throws ArithmeticException if the gradient is not finite; the weights are then unchanged
     */
    public RewardStep step(
            Parameters weights,
            Optimizer optimizer,
            List<ScoredPair> batch,
            double learningRate,
            double clipNorm,
            int microBatchTokens) {
        if (batch.isEmpty()) {
            throw new IllegalArgumentException("a step needs at least one pair");
        }
        try (Gradients gradients = new Gradients(weights, classifier.decoder())) {
            PairFit fit = accumulate(gradients, batch, microBatchTokens);
            Map<String, NDArray> byName = gradients.byName();
            double gradNorm = Gradients.norm(byName);
            optimizer.step(weights.trained(), byName, learningRate, Gradients.clip(gradNorm, clipNorm));
            return new RewardStep(fit, gradNorm);
        }
    }

    /** Adds the gradient of a batch's loss. */
    PairFit accumulate(Gradients gradients, List<ScoredPair> batch, int microBatchTokens) {
        double[] chosen = new double[batch.size()];
        double[] rejected = new double[batch.size()];
        int[] lengths = batch.stream()
                .mapToInt(pair -> Math.max(pair.chosen().length, pair.rejected().length))
                .toArray();
        for (List<Integer> items : MicroBatches.plan(lengths, ROWS_EACH, microBatchTokens)) {
            try (NDManager memory = gradients.memory().newSubManager();
                    Pass pass = gradients.pass(classifier.batch(rows(batch, items), memory))) {
                float[] scores = pass.labels();
                float[] slopes = new float[scores.length];
                for (int i = 0; i < items.size(); i++) {
                    int item = items.get(i);
                    chosen[item] = scores[i];
                    rejected[item] = scores[items.size() + i];
                    double above =
                            chosen[item] - rejected[item] - batch.get(item).margin();
                    slopes[i] = (float) (-Logistic.sigmoid(-above) / batch.size());
                    slopes[items.size() + i] = -slopes[i];
                }
                pass.backwardFromLabels(slopes, gradients.sums());
            }
        }
        return PairFit.of(batch, chosen, rejected);
    }

    /**
     * How a model's scores fit preferences, without gradients.
     *
     * @param weights of the model
     * @param pairs at least one
     * @param batchTokens most tokens computed at a time, padding counted; a text larger than that stands alone
     */
    public PairFit fit(Weights weights, List<ScoredPair> pairs, int batchTokens) {
        List<Integer> all = new ArrayList<>();
        for (int i = 0; i < pairs.size(); i++) {
            all.add(i);
        }
        double[] scores = classifier.scores(weights, rows(pairs, all), batchTokens);
        return PairFit.of(
                pairs,
                Arrays.copyOfRange(scores, 0, pairs.size()),
                Arrays.copyOfRange(scores, pairs.size(), scores.length));
    }

    /** The preferred texts, then the others. */
    private static List<int[]> rows(List<ScoredPair> pairs, List<Integer> items) {
        List<int[]> rows = new ArrayList<>(2 * items.size());
        items.forEach(item -> rows.add(pairs.get(item).chosen()));
        items.forEach(item -> rows.add(pairs.get(item).rejected()));
        return rows;
    }
}
