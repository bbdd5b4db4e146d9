package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.FusedWeights;
import org.openstrawberry.model.transformer.NoGradient;

/** Steps 7 to 11 of the algorithm: log-probabilities, log-ratios, loss, mean over the pairs, gradient and update. */
public final class DpoTrainer {
    private final Decoder decoder;

    /**
     * A trainer of models of a decoder's sizes.
     *
     * @param decoder computes
     */
    public DpoTrainer(Decoder decoder) {
        this.decoder = decoder;
    }

    /**
     * One step on a batch of pairs: the mean of −log σ(β[Δπ_θ − Δπ_ref]) over all of them, however they are parted into
     * micro-batches.
     *
     * @param policy changed in place
     * @param reference not changed; may not be the same object as the policy, though equal to it
     * @param optimizer of the policy
     * @param pairs at least one
     * @param beta of the loss, above 0
     * @param learningRate of this step
     * @param clipNorm limit of the gradient's norm; 0 is none
     * @param microBatchTokens most tokens computed at a time, padding counted; a pair larger than that stands alone
     * @return what was found before the update
     * @throws ArithmeticException if the gradient is not finite; the weights are then unchanged
     */
    public DpoStep step(
            Weights policy,
            Weights reference,
            Optimizer optimizer,
            List<PreferencePair> pairs,
            double beta,
            double learningRate,
            double clipNorm,
            int microBatchTokens) {
        try (NoGradient noGradient = NoGradient.open();
                Gradients gradients = new Gradients(policy)) {
            List<PairLogProbs> logProbs = accumulate(gradients, reference, pairs, beta, microBatchTokens);
            Map<String, NDArray> byName = gradients.byName();
            double gradNorm = Gradients.clip(byName, clipNorm);
            optimizer.step(policy, byName, learningRate);
            double loss = logProbs.stream()
                    .mapToDouble(pair -> PairLoss.sigmoid(pair, beta).value())
                    .average()
                    .orElseThrow();
            return new DpoStep(loss, gradNorm, logProbs);
        }
    }

    /** Adds up the gradient of the mean loss; returns the log-probabilities in the pairs' order. */
    List<PairLogProbs> accumulate(
            Gradients gradients, Weights reference, List<PreferencePair> pairs, double beta, int microBatchTokens) {
        if (pairs.isEmpty()) {
            throw new IllegalArgumentException("a step needs at least one pair");
        }
        int[] lengths = pairs.stream()
                .mapToInt(pair ->
                        Math.max(pair.chosen().inputLength(), pair.rejected().inputLength()))
                .toArray();
        PairLogProbs[] found = new PairLogProbs[pairs.size()];
        FusedWeights fusedReference = decoder.fuse(reference.asMap(), gradients.memory());
        for (List<Integer> items : MicroBatches.plan(lengths, 2, microBatchTokens)) {
            try (NDManager memory = gradients.memory().newSubManager()) {
                // Chosen and rejected stand in one batch, and the reference sees the same batch as the policy: where
                // the
                // two are equal, their log-probabilities are equal to the last bit.
                List<Sequence> rows = Stream.concat(
                                items.stream().map(i -> pairs.get(i).chosen()),
                                items.stream().map(i -> pairs.get(i).rejected()))
                        .toList();
                CompletionBatch batch =
                        new CompletionBatch(rows, memory, decoder.config().vocabSize());
                double[] ref =
                        batch.sums(batch.logProbs(decoder, fusedReference).toFloatArray());
                gradients.add(decoder, batch, perToken -> {
                    double[] pol = batch.sums(perToken);
                    double[] slopes = new double[rows.size()];
                    int n = items.size();
                    for (int k = 0; k < n; k++) {
                        PairLogProbs pair = new PairLogProbs(pol[k], pol[n + k], ref[k], ref[n + k]);
                        PairLoss loss = PairLoss.sigmoid(pair, beta);
                        found[items.get(k)] = pair;
                        slopes[k] = loss.chosenSlope() / pairs.size();
                        slopes[n + k] = loss.rejectedSlope() / pairs.size();
                    }
                    return batch.spread(slopes);
                });
            }
        }
        return List.of(found);
    }
}
