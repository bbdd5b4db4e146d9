package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.function.DoubleUnaryOperator;
import org.openstrawberry.model.pretrained.Rope;
import org.openstrawberry.model.pretrained.RopeScaling;

/**
 * Rotary position embedding (Su et al. 2021, arXiv 2104.09864) in the layout of Hugging Face's Llama: dimension i is
 * turned together with dimension i + dims/2; dimensions from {@code dims} on are not turned.
 */
final class PlainRotary {
    private final float[] inverseFrequencies;
    private final float magnitude;

    PlainRotary(Rope rope) {
        int half = rope.dims() / 2;
        inverseFrequencies = new float[half];
        for (int i = 0; i < half; i++) {
            double frequency = 1 / Math.pow(rope.theta(), 2.0 * i / rope.dims());
            inverseFrequencies[i] = (float) scaled(frequency, i, rope);
        }
        magnitude = rope.scaling() instanceof RopeScaling.Yarn yarn ? (float) yarn.attentionFactor() : 1;
    }

    private static double scaled(double frequency, int dimension, Rope rope) {
        if (rope.scaling() instanceof RopeScaling.Linear linear) {
            return frequency / linear.factor();
        }
        if (rope.scaling() instanceof RopeScaling.Llama3 llama3) {
            return stretched(frequency, llama3);
        }
        if (rope.scaling() instanceof RopeScaling.Yarn yarn) {
            return ramped(frequency, dimension, rope, yarn);
        }
        return frequency;
    }

    /**
     * The {@code llama3} rule: waves that fit into the original context {@code highFreqFactor} times or more stay as they
     * are, those that fit {@code lowFreqFactor} times or less are stretched by {@code factor}, between the two the
     * frequency is interpolated.
     */
    private static double stretched(double frequency, RopeScaling.Llama3 s) {
        double periods = s.originalMaxPositionEmbeddings() * frequency / (2 * Math.PI);
        double kept = (periods - s.lowFreqFactor()) / (s.highFreqFactor() - s.lowFreqFactor());
        double share = Math.max(0, Math.min(1, kept));
        return (1 - share) * frequency / s.factor() + share * frequency;
    }

    /** The {@code yarn} rule: a ramp over the dimensions from those that turn often to those that turn seldom. */
    private static double ramped(double frequency, int dimension, Rope rope, RopeScaling.Yarn yarn) {
        // The dimension that turns so many times within the original context.
        DoubleUnaryOperator turning = turns -> rope.dims()
                * Math.log(yarn.originalMaxPositionEmbeddings() / (turns * 2 * Math.PI))
                / (2 * Math.log(rope.theta()));
        double low = turning.applyAsDouble(yarn.betaFast());
        double high = turning.applyAsDouble(yarn.betaSlow());
        if (yarn.truncate()) {
            low = Math.floor(low);
            high = Math.ceil(high);
        }
        low = Math.max(low, 0);
        high = Math.min(high, rope.dims() - 1);
        if (low == high) {
            high += 0.001;
        }
        double ramp = Math.max(0, Math.min(1, (dimension - low) / (high - low)));
        return frequency / yarn.factor() * ramp + frequency * (1 - ramp);
    }

    /**
     * The turns of the positions from 0.
     *
     * @param positions number of positions
     * @param manager owner of the result
     * @return float32 [positions, 2 · dims]: the cosines of each dimension's angle, then the sines, negated in the first
     *     half, so that a vector x turns to x · cos + swapHalves(x) · sin
     */
    NDArray turns(int positions, NDManager manager) {
        int half = inverseFrequencies.length;
        float[] turns = new float[positions * half * 4];
        for (int position = 0; position < positions; position++) {
            for (int i = 0; i < half; i++) {
                // The angle is rounded to float32 before the cosine, as the reference implementation does.
                float angle = position * inverseFrequencies[i];
                float cos = (float) Math.cos(angle) * magnitude;
                float sin = (float) Math.sin(angle) * magnitude;
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
     * @param turns float32 [time, 2 · dims], or one time for each row of the batch: [batch, 1, 2 · dims]
     * @return float32 [batch, time, heads, headDim]
     */
    static NDArray turn(NDArray x, NDArray turns) {
        long dims = turns.getShape().get(turns.getShape().dimension() - 1) / 2;
        if (dims < x.getShape().get(3)) {
            NDList parts = x.split(new long[] {dims}, 3);
            return NDArrays.concat(new NDList(turnWhole(parts.get(0), turns), parts.get(1)), 3);
        }
        return turnWhole(x, turns);
    }

    private static NDArray turnWhole(NDArray x, NDArray turns) {
        long[] shape = x.getShape().getShape();
        long half = shape[3] / 2;
        long[] halves = {shape[0], shape[1], shape[2], 2, half};
        long rows = turns.getShape().dimension() == 2 ? 1 : shape[0];
        NDList cosSin = turns.reshape(rows, shape[1], 1, 4, half).split(2, 3);
        NDArray split = x.reshape(halves);
        return split.mul(cosSin.get(0)).addi(split.flip(3).mul(cosSin.get(1))).reshape(shape);
    }
}
