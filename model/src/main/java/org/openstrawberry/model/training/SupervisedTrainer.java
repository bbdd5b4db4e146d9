package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.openstrawberry.model.pretrained.Parameters;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.NoGradient;

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
        int[] lengths = batch.stream().mapToInt(Sequence::inputLength).toArray();
        List<List<Integer>> plan = MicroBatches.plan(lengths, 1, microBatchTokens);
        double[] losses = new double[plan.size()];
        try (NoGradient noGradient = NoGradient.open();
                Gradients gradients = new Gradients(weights, byLayer)) {
            for (int i = 0; i < losses.length; i++) {
                int at = i;
                try (NDManager memory = gradients.memory().newSubManager()) {
                    List<Sequence> rows = plan.get(i).stream().map(batch::get).toList();
                    CompletionBatch part =
                            new CompletionBatch(rows, memory, decoder.config().vocabSize());
                    gradients.add(decoder, part, perToken -> {
                        losses[at] = -LogProbs.sum(perToken) / tokens;
                        float[] slopes = new float[perToken.length];
                        Arrays.fill(slopes, -1f / tokens);
                        return slopes;
                    });
                }
            }
            Map<String, NDArray> byName = gradients.byName();
            double gradNorm = Gradients.clip(byName, clipNorm);
            optimizer.step(weights.trained(), byName, learningRate);
            return new SupervisedStep(Arrays.stream(losses).sum(), gradNorm, tokens);
        }
    }
}
