package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.List;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.FusedWeights;
import org.openstrawberry.model.transformer.Tensors;

/**
 * Sequences padded on the right to one width. Which tokens count follows from the lengths alone, never from an id, so that
 * a padding id that is also a real token does no harm.
 */
final class CompletionBatch {
    private final List<Sequence> rows;
    private final NDArray inputs; // int64 [rows, time]
    private final NDArray places; // int64 [tokens]: where, in the flattened inputs, each completion token is predicted
    private final NDArray targets; // int64 [tokens, 1]: that token

    /**
     * @param rows the sequences
     * @param manager owner of the batch's arrays
     * @param vocab size of the vocabulary
     * @throws IllegalArgumentException if a sequence holds an id outside the vocabulary
     */
    CompletionBatch(List<Sequence> rows, NDManager manager, int vocab) {
        this.rows = rows;
        int time = rows.stream().mapToInt(Sequence::inputLength).max().orElseThrow();
        int tokens = rows.stream().mapToInt(row -> row.completionIds().length).sum();
        long[] inputIds = new long[rows.size() * time]; // padded with token 0, which every vocabulary has
        long[] predictedAt = new long[tokens];
        long[] predicted = new long[tokens];
        int token = 0;
        for (int r = 0; r < rows.size(); r++) {
            Sequence row = rows.get(r);
            for (int t = 0; t <= row.inputLength(); t++) {
                int id = row.id(t);
                if (id < 0 || id >= vocab) {
                    throw new IllegalArgumentException(
                            "a sequence holds token " + id + "; the model has 0 to " + (vocab - 1));
                }
                if (t < row.inputLength()) {
                    inputIds[r * time + t] = id;
                }
                if (t >= row.promptIds().length) {
                    predictedAt[token] = (long) r * time + t - 1;
                    predicted[token++] = id;
                }
            }
        }
        inputs = Tensors.longs(manager, inputIds, new Shape(rows.size(), time));
        places = Tensors.longs(manager, predictedAt, new Shape(tokens));
        targets = Tensors.longs(manager, predicted, new Shape(tokens, 1));
    }

    /** @return int64 [rows, time] */
    NDArray inputs() {
        return inputs;
    }

    /** @return completion tokens of all rows */
    int tokens() {
        return Math.toIntExact(places.size());
    }

    /**
     * The log-probability of each completion token, at temperature 1. Only the places that predict one are projected to
     * the vocabulary.
     *
     * @return float32 [tokens], row by row, owned by the batch's manager
     */
    NDArray logProbs(Decoder decoder, FusedWeights weights) {
        return logProbs(decoder, weights, decoder.hidden(weights, inputs));
    }

    /** @param hidden float32 [rows, time, hidden], of the {@link #inputs} */
    NDArray logProbs(Decoder decoder, FusedWeights weights, NDArray hidden) {
        return distributions(decoder, weights, hidden).gather(targets, 1).reshape(tokens());
    }

    /**
     * As {@link #logProbs}, and log Σ_v π(v)² of each place: the logarithm of the probability that two draws there agree.
     * No gradient flows through the latter.
     */
    Concentrated concentrated(Decoder decoder, FusedWeights weights) {
        return concentrated(decoder, weights, decoder.hidden(weights, inputs));
    }

    /** @param hidden float32 [rows, time, hidden], of the {@link #inputs} */
    Concentrated concentrated(Decoder decoder, FusedWeights weights, NDArray hidden) {
        NDArray all = distributions(decoder, weights, hidden);
        return new Concentrated(
                all.gather(targets, 1).reshape(tokens()),
                all.stopGradient().exp().square().sum(new int[] {1}).log());
    }

    /**
     * @param logProbs float32 [tokens]
     * @param logSquares float32 [tokens]
     */
    record Concentrated(NDArray logProbs, NDArray logSquares) {}

    /** @return float32 [tokens, vocab]: the log-probabilities at each place that predicts a completion token */
    private NDArray distributions(Decoder decoder, FusedWeights weights, NDArray hidden) {
        NDArray flat = hidden.reshape(-1, hidden.getShape().get(2));
        NDArray predicting = Tensors.rows(places, flat); // [tokens, hidden]
        return decoder.logits(weights, predicting).logSoftmax(-1);
    }

    /**
     * @param perToken one number a completion token, row by row
     * @return the same numbers parted by row
     */
    float[][] byRow(float[] perToken) {
        float[][] parts = new float[rows.size()][];
        int from = 0;
        for (int r = 0; r < parts.length; r++) {
            int to = from + rows.get(r).completionIds().length;
            parts[r] = Arrays.copyOfRange(perToken, from, to);
            from = to;
        }
        return parts;
    }
}
