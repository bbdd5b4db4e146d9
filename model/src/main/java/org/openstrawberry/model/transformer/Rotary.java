package org.openstrawberry.model.transformer;

import java.util.function.DoubleUnaryOperator;
import org.openstrawberry.model.pretrained.Rope;
import org.openstrawberry.model.pretrained.RopeScaling;

/**
 * Rotary position embedding (Su et al. 2021, arXiv 2104.09864) in the layout of Hugging Face's Llama: dimension i is
 * turned together with dimension i + dims/2; dimensions from {@code dims} on are not turned.
 */
final class Rotary {
    private final float[] inverseFrequencies;
    private final float magnitude;

    Rotary(Rope rope) {
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

    /** Dimensions of a head that are turned. */
    int dims() {
        return 2 * inverseFrequencies.length;
    }

    /**
     * The turns of the positions from 0 on.
     *
     * @param cosines float [positions · dims / 2]
     * @param sines float [positions · dims / 2]
     */
    record Table(float[] cosines, float[] sines) {}

    /** Of dimension pair i at a position: the cosine and sine of position · frequency i. */
    Table table(int positions) {
        int half = inverseFrequencies.length;
        float[] cosines = new float[positions * half];
        float[] sines = new float[positions * half];
        for (int position = 0; position < positions; position++) {
            for (int i = 0; i < half; i++) {
                // The angle is rounded to float32 before the cosine, as the reference implementation does.
                float angle = position * inverseFrequencies[i];
                cosines[position * half + i] = (float) Math.cos(angle) * magnitude;
                sines[position * half + i] = (float) Math.sin(angle) * magnitude;
            }
        }
        return new Table(cosines, sines);
    }
}
