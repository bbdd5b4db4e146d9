package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.Arrays;
import java.util.List;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.FusedWeights;
import org.openstrawberry.model.transformer.NoGradient;

/**
 * What a model thinks of given completions: log π(token | what stands before it), at temperature 1, end-of-sequence tokens
 * included, prompts and padding excluded. Without gradients.
 */
public final class LogProbs {
    private final Decoder decoder;

    /**
     * Log-probabilities by a decoder.
     *
     * @param decoder computes
     */
    public LogProbs(Decoder decoder) {
        this.decoder = decoder;
    }

    /**
     * Sums over completions.
     *
     * @param weights of the model
     * @param sequences any number
     * @param microBatchTokens most tokens computed at a time, padding counted
     * @return Σ log π over each completion's tokens, in the order of the sequences
     */
    public double[] sums(Weights weights, List<Sequence> sequences, int microBatchTokens) {
        return Arrays.stream(perToken(weights, sequences, microBatchTokens))
                .mapToDouble(LogProbs::sum)
                .toArray();
    }

    /**
     * Token by token.
     *
     * @param weights of the model
     * @param sequences any number
     * @param microBatchTokens most tokens computed at a time, padding counted
     * @return for each sequence, in order, the log-probability of each completion token
     */
    public float[][] perToken(Weights weights, List<Sequence> sequences, int microBatchTokens) {
        int[] lengths = sequences.stream().mapToInt(Sequence::inputLength).toArray();
        float[][] results = new float[sequences.size()][];
        try (NoGradient noGradient = NoGradient.open();
                NDManager memory = weights.newSubManager()) {
            FusedWeights fused = decoder.fuse(weights.asMap(), memory);
            for (List<Integer> items : MicroBatches.plan(lengths, 1, microBatchTokens)) {
                try (NDManager step = memory.newSubManager()) {
                    List<Sequence> rows = items.stream().map(sequences::get).toList();
                    CompletionBatch batch =
                            new CompletionBatch(rows, step, decoder.config().vocabSize());
                    NDArray logProbs = batch.logProbs(decoder, fused); // [tokens]
                    float[][] parts = batch.byRow(logProbs.toFloatArray());
                    for (int r = 0; r < parts.length; r++) {
                        results[items.get(r)] = parts[r];
                    }
                }
            }
        }
        return results;
    }

    static double sum(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return sum;
    }
}
