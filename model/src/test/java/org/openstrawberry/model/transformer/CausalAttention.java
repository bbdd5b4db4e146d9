package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.openstrawberry.model.pretrained.LayerAttention;
import org.openstrawberry.model.pretrained.ModelConfig;

/**
 * Every token attends to itself and to those before it in its row, as far back as the layer's window goes. Rows are padded
 * on the right, so that what a real token sees is real: padding gets weight zero exactly, and needs no mask of its own.
 *
 * <p>The queries that share a key head stand below each other in one product; no key is copied.
 */
final class CausalAttention implements Attention {
    private final int group;
    private final List<NDArray> masks; // a layer: [1, group · time, time]
    private final SoftCap softCap;

    /**
     * @param config heads, windows and soft cap
     * @param time tokens a row
     * @param manager owner of the masks
     */
    CausalAttention(ModelConfig config, int time, NDManager manager) {
        group = config.heads() / config.kvHeads();
        softCap = SoftCap.of(config.attentionSoftCap(), manager);
        Map<Integer, NDArray> byWindow = new HashMap<>();
        masks = config.attention().stream()
                .map(LayerAttention::window)
                .map(window -> byWindow.computeIfAbsent(reach(window, time), reach -> mask(time, reach, manager)))
                .toList();
    }

    /** A window that no row is longer than is none. */
    private static int reach(OptionalInt window, int time) {
        return Math.min(window.orElse(time), time);
    }

    private NDArray mask(int time, int reach, NDManager manager) {
        float[] hidden = new float[group * time * time];
        for (int row = 0; row < group * time; row++) {
            int at = row % time;
            for (int key = 0; key < time; key++) {
                if (key > at || key <= at - reach) {
                    hidden[row * time + key] = Float.NEGATIVE_INFINITY;
                }
            }
        }
        return Tensors.floats(manager, hidden, new Shape(1, (long) group * time, time));
    }

    @Override
    public NDArray attend(int layer, NDArray query, NDArray key, NDArray value) {
        long batch = key.getShape().get(0);
        long time = key.getShape().get(1);
        long kvHeads = key.getShape().get(2);
        long headDim = key.getShape().get(3);
        NDArray q = query.reshape(batch, time, kvHeads, group, headDim)
                .transpose(0, 2, 3, 1, 4)
                .reshape(batch * kvHeads, group * time, headDim);
        NDArray k = byHead(key); // [batch · kvHeads, time, headDim]
        NDArray v = byHead(value);
        NDArray scores = softCap.apply(q.batchMatMul(k.swapAxes(1, 2)))
                .addi(masks.get(layer)); // [batch · kvHeads, group · time, time]
        return scores.softmax(-1)
                .batchMatMul(v)
                .reshape(batch, kvHeads, group, time, headDim)
                .transpose(0, 3, 1, 2, 4)
                .reshape(batch, time, kvHeads * group * headDim);
    }

    /**
     * @param x float32 [batch, time, kvHeads, headDim]
     * @return float32 [batch · kvHeads, time, headDim]
     */
    static NDArray byHead(NDArray x) {
        Shape shape = x.getShape();
        return x.swapAxes(1, 2).reshape(shape.get(0) * shape.get(2), shape.get(1), shape.get(3));
    }
}
