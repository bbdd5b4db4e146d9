package org.openstrawberry.model.training;

import ai.djl.ndarray.NDManager;
import java.util.Arrays;
import java.util.List;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.ModelTensors;
import org.openstrawberry.model.transformer.Pass;
import org.openstrawberry.model.transformer.TokenBatch;

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
        float[][] results = new float[sequences.size()][];
        try (NDManager memory = weights.newSubManager()) {
            ModelTensors tensors = decoder.weights(weights.asMap(), memory);
            for (List<Integer> items : MicroBatches.ofSequences(sequences, microBatchTokens)) {
                try (NDManager step = memory.newSubManager()) {
                    List<Sequence> rows = items.stream().map(sequences::get).toList();
                    TokenBatch batch = batch(rows, decoder, step);
                    try (Pass pass = decoder.pass(tensors, batch, Pass.Keep.NOTHING, step)) {
                        float[][] parts = batch.byText(pass.logProbs());
                        for (int r = 0; r < parts.length; r++) {
                            results[items.get(r)] = parts[r];
                        }
                    }
                }
            }
        }
        return results;
    }

    static TokenBatch batch(List<Sequence> rows, Decoder decoder, NDManager owner) {
        return TokenBatch.of(
                rows.stream().map(Sequence::promptIds).toList(),
                rows.stream().map(Sequence::completionIds).toList(),
                decoder.config().vocabSize(),
                owner);
    }

    static double sum(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return sum;
    }
}
