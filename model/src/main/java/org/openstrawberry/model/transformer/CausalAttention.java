package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

/**
 * Every token attends to itself and to those before it in its row. Rows are padded on the right, so that what a real token
 * sees is real: padding gets weight zero exactly, and needs no mask of its own.
 *
 * <p>The queries that share a key head stand below each other in one product; no key is copied.
 */
final class CausalAttention implements Attention {
    private final int group;
    private final NDArray mask; // [1, group · time, time]

    /**
     * @param group query heads that share a key head
     * @param time tokens a row
     * @param manager owner of the mask
     */
    CausalAttention(int group, int time, NDManager manager) {
        this.group = group;
        float[] hidden = new float[group * time * time];
        for (int row = 0; row < group * time; row++) {
            for (int key = row % time + 1; key < time; key++) {
                hidden[row * time + key] = Float.NEGATIVE_INFINITY;
            }
        }
        mask = Tensors.floats(manager, hidden, new Shape(1, (long) group * time, time));
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
        NDArray scores = q.batchMatMul(k.swapAxes(1, 2)).addi(mask); // [batch · kvHeads, group · time, time]
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
