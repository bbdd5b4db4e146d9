package org.openstrawberry.model.generation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import org.openstrawberry.model.transformer.Tensors;

/** Chooses a token of each row's scores. All results belong to the manager of the scores. */
final class Sampler {
    private final SamplingSettings settings;

    Sampler(SamplingSettings settings) {
        this.settings = settings;
    }

    /** Whether choosing needs random numbers. */
    boolean random() {
        return settings.temperature() > 0;
    }

    /**
     * The token with the highest score, the first of equals.
     *
     * @param logits float32 [rows, vocab]
     * @return int64 [rows]
     */
    static NDArray greedy(NDArray logits) {
        return logits.argMax(-1);
    }

    /**
     * The token in whose share of the cumulative distribution a uniform number falls.
     *
     * @param logits float32 [rows, vocab]
     * @param uniforms a number in [0, 1) for each row
     * @return int64 [rows]
     */
    NDArray sample(NDArray logits, float[] uniforms) {
        NDManager manager = logits.getManager();
        long vocab = logits.getShape().get(1);
        NDArray cumulative = probabilities(logits).cumSum(-1); // [rows, vocab]
        NDArray total = cumulative.get(manager, new NDIndex().addAllDim().addSliceDim(vocab - 1, vocab)); // [rows, 1]
        // A 24-bit uniform below 1 times the total stays below the total, so a token is always found, and the first
        // whose cumulative probability exceeds the product has a probability above 0.
        NDArray target = total.mul(Tensors.floats(manager, uniforms, new Shape(uniforms.length, 1)));
        return cumulative.lte(target).sum(new int[] {-1});
    }

    /**
     * The distribution that tokens are drawn from.
     *
     * @param logits float32 [rows, vocab]
     * @return float32 [rows, vocab], each row adds up to 1; zero where a filter removed the token
     */
    NDArray probabilities(NDArray logits) {
        NDArray scores = settings.temperature() == 1 ? logits : logits.div((float) settings.temperature());
        if (settings.topK() > 0 && settings.topK() < logits.getShape().get(1)) {
            scores = topK(scores, settings.topK());
        }
        if (settings.topP() < 1) {
            scores = topP(scores, settings.topP());
        }
        if (settings.minP() > 0) {
            scores = minP(scores, settings.minP());
        }
        return scores.softmax(-1);
    }

    private static NDArray topK(NDArray scores, int k) {
        NDArray highest = scores.topK(k, -1, true, true).get(0); // [rows, k]
        NDArray threshold =
                highest.get(scores.getManager(), new NDIndex().addAllDim().addSliceDim(k - 1, k));
        return kept(scores, scores.gte(threshold));
    }

    private static NDArray topP(NDArray scores, double p) {
        long vocab = scores.getShape().get(1);
        NDArray order = scores.argSort(-1, true); // [rows, vocab], the least likely token first
        NDArray sorted = scores.gather(order, -1);
        NDArray cumulative = sorted.softmax(-1).cumSum(-1);
        // The likeliest token stays whatever p is.
        cumulative.set(new NDIndex().addAllDim().addSliceDim(vocab - 1, vocab), 2f);
        NDArray keptSorted = kept(sorted, cumulative.gt((float) (1 - p)));
        return scores.duplicate().scatter(order, keptSorted, 1);
    }

    private static NDArray minP(NDArray scores, double p) {
        NDArray probabilities = scores.softmax(-1);
        NDArray threshold = probabilities.max(new int[] {-1}, true).mul((float) p); // [rows, 1]
        return kept(scores, probabilities.gte(threshold));
    }

    /** The scores where the mask is true, elsewhere the score of impossible tokens. */
    private static NDArray kept(NDArray scores, NDArray mask) {
        NDArray impossible = Tensors.scalar(scores.getManager(), Double.NEGATIVE_INFINITY);
        return NDArrays.where(mask, scores, impossible);
    }
}
