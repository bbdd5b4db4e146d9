package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Weights;

/** Small models with random weights. */
public final class TinyModel {
    private TinyModel() {}

    /** Two layers, two query heads on one key head, 13 tokens. */
    public static ModelConfig config() {
        return config(13, 8, 2, 2, 1, 4, 12);
    }

    public static ModelConfig config(
            int vocab, int hidden, int layers, int heads, int kvHeads, int headDim, int intermediate) {
        return ModelConfig.llama(vocab, hidden, layers, heads, kvHeads, headDim, intermediate)
                .maxPositionEmbeddings(128)
                .build();
    }

    /** Weights large enough that every part of the network matters. */
    public static Weights weights(ModelConfig config, long seed, NDManager manager) {
        Random random = new Random(seed);
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        config.tensorShapes().forEach((name, shape) -> {
            float[] values = new float[Math.toIntExact(shape.size())];
            boolean gain = shape.dimension() == 1;
            double deviation = gain ? 0.2 : 1 / Math.sqrt(shape.get(1));
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (random.nextGaussian() * deviation + (gain ? 1 : 0));
            }
            arrays.put(name, Tensors.floats(manager, values, new Shape(shape.getShape())));
        });
        return Weights.of(manager, arrays);
    }
}
