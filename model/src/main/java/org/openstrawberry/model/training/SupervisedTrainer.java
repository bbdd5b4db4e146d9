package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.openstrawberry.model.pretrained.Parameters;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.Pass;

/** Learning from given completions: the mean of −log π over all completion tokens of a batch. */
public final class SupervisedTrainer {
    private final Decoder decoder;
    private final boolean byLayer;

    /**
     * A trainer of models of a decoder's sizes, which keeps all that its gradients need.
     *
     * @param decoder computes
     */
    public SupervisedTrainer(Decoder decoder) {
        this(decoder, false);
    }

    /**
     * A trainer of models of a decoder's sizes.
     *
     * @param decoder computes
     * @param byLayer whether a layer's intermediate arrays are computed once more for its gradient instead of kept
     */
    public SupervisedTrainer(Decoder decoder, boolean byLayer) {
        this.decoder = decoder;
        this.byLayer = byLayer;
    }

    /**
     * One step. Every completion token of the batch weighs the same, however the batch is parted into micro-batches.
     *
     * @param weights their trained tensors are changed in place
     * @param optimizer of the weights
     * @param batch at least one sequence
     * @param learningRate of this step
     * @param clipNorm limit of the gradient's norm; 0 is none
     * @param microBatchTokens most tokens computed at a time, padding counted; a sequence longer than that stands alone
     * @return what was found before the update
     * @throws ArithmeticException if the gradient is not finite; the weights are then unchanged
     */
    public SupervisedStep step(
            Parameters weights,
            Optimizer optimizer,
            List<Sequence> batch,
            double learningRate,
            double clipNorm,
            int microBatchTokens) {
        if (batch.isEmpty()) {
            throw new IllegalArgumentException("a step needs at least one sequence");
        }
        int tokens = batch.stream().mapToInt(row -> row.completionIds().length).sum();
        double loss = 0;
        try (Gradients gradients = new Gradients(weights, decoder, byLayer)) {
            for (List<Integer> items : MicroBatches.ofSequences(batch, microBatchTokens)) {
                try (NDManager memory = gradients.memory().newSubManager()) {
                    List<Sequence> rows = items.stream().map(batch::get).toList();
                    try (Pass pass = gradients.pass(LogProbs.batch(rows, decoder, memory))) {
                        float[] logProbs = pass.logProbs();
                        loss -= LogProbs.sum(logProbs) / tokens;
                        float[] slopes = new float[logProbs.length];
                        Arrays.fill(slopes, -1f / tokens);
                        pass.backward(slopes, gradients.sums());
                    }
                }
            }
            Map<String, NDArray> byName = gradients.byName();
            double gradNorm = Gradients.norm(byName);
            optimizer.step(weights.trained(), byName, learningRate, Gradients.clip(gradNorm, clipNorm));
            return new SupervisedStep(loss, gradNorm, tokens);
        }
    }
}
