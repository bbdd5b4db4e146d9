package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Optional;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.RopeScaling;

/**
 * Rotary position embedding (Su et al. 2021, arXiv 2104.09864) in the layout of Hugging Face's Llama: dimension i is
 * turned together with dimension i + headDim/2. The {@code llama3} scaling stretches the slow frequencies only.
 */
final class Rotary {
    private final float[] inverseFrequencies;

    Rotary(ModelConfig config) {
        int half = config.headDim() / 2;
        inverseFrequencies = new float[half];
        for (int i = 0; i < half; i++) {
            double frequency = 1 / Math.pow(config.ropeTheta(), 2.0 * i / config.headDim());
            inverseFrequencies[i] = (float) stretched(frequency, config.ropeScaling());
        }
    }

    /**
     * The {@code llama3} rule: waves that fit into the original context {@code highFreqFactor} times or more stay as they
     * are, those that fit {@code lowFreqFactor} times or less are stretched by {@code factor}, between the two the
     * frequency is interpolated.
     */
    private static double stretched(double frequency, Optional<RopeScaling> scaling) {
        if (scaling.isEmpty()) {
            return frequency;
        }
        RopeScaling s = scaling.get();
        double periods = s.originalMaxPositionEmbeddings() * frequency / (2 * Math.PI);
        double kept = (periods - s.lowFreqFactor()) / (s.highFreqFactor() - s.lowFreqFactor());
        double share = Math.max(0, Math.min(1, kept));
        return (1 - share) * frequency / s.factor() + share * frequency;
    }

    /**
     * The turns of the positions from 0.
     *
     * @param positions number of positions
     * @param manager owner of the result
     * @return float32 [positions, 2 · headDim]: the cosines of each dimension's angle, then the sines, negated in the first
     *     half, so that a vector x turns to x · cos + swapHalves(x) · sin
     */
    NDArray turns(int positions, NDManager manager) {
        int half = inverseFrequencies.length;
        float[] turns = new float[positions * half * 4];
        for (int position = 0; position < positions; position++) {
            for (int i = 0; i < half; i++) {
                // The angle is rounded to float32 before the cosine, as the reference implementation does.
                float angle = position * inverseFrequencies[i];
                float cos = (float) Math.cos(angle);
                float sin = (float) Math.sin(angle);
                int at = position * half * 4 + i;
                turns[at] = cos;
                turns[at + half] = cos;
                turns[at + 2 * half] = -sin;
                turns[at + 3 * half] = sin;
            }
        }
        return Tensors.floats(manager, turns, new Shape(positions, 4L * half));
    }

    /**
     * Turns vectors by their positions' angles.
     *
     * @param x float32 [batch, time, heads, headDim]
     * @param turns float32 [time, 2 · headDim], or one time for each row of the batch: [batch, 1, 2 · headDim]
     * @return float32 [batch, time, heads, headDim]
     */
    static NDArray turn(NDArray x, NDArray turns) {
        long[] shape = x.getShape().getShape();
        long half = shape[3] / 2;
        long[] halves = {shape[0], shape[1], shape[2], 2, half};
        long rows = turns.getShape().dimension() == 2 ? 1 : shape[0];
        NDList cosSin = turns.reshape(rows, shape[1], 1, 4, half).split(2, 3);
        NDArray split = x.reshape(halves);
        return split.mul(cosSin.get(0)).addi(split.flip(3).mul(cosSin.get(1))).reshape(shape);
    }
}
