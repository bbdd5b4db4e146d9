package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.norm.LayerNorm;
import java.util.Optional;

/** A norm over the last dimension; its gain may be missing, where it was folded into what follows. */
sealed interface Norm {
    /**
     * @param x float32 [..., width]
     * @return float32 [..., width]
     */
    NDArray apply(NDArray x);

    /**
     * x / √(mean(x²) + ε) ∘ gain.
     *
     * @param gain float32 [width] or of a shape that fits x
     * @param epsilon float32 []
     * @param minusHalf float32 []
     */
    record RootMeanSquare(Optional<NDArray> gain, NDArray epsilon, NDArray minusHalf) implements Norm {
        @Override
        public NDArray apply(NDArray x) {
            NDArray meanSquare = x.square().mean(new int[] {-1}, true); // [..., 1]
            NDArray normalised = x.mul(meanSquare.addi(epsilon).pow(minusHalf));
            return gain.map(normalised::mul).orElse(normalised);
        }
    }

    /**
     * (x − mean(x)) / √(var(x) + ε) ∘ gain + bias.
     *
     * @param gain float32 [width]
     * @param bias float32 [width]
     */
    record Layer(NDArray gain, NDArray bias, float epsilon) implements Norm {
        @Override
        public NDArray apply(NDArray x) {
            Shape width = gain.getShape();
            return LayerNorm.layerNorm(x, width, gain, bias, epsilon).singletonOrThrow();
        }
    }
}
