package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import org.openstrawberry.model.pretrained.Rope;

/** Turns by the angles of {@link Rotary}, as operations that gradients flow through. */
final class PlainRotary {
    private PlainRotary() {}

    /**
     * The turns of the positions from 0.
     *
     * @param rope the kind of rotary positions
     * @param positions number of positions
     * @param manager owner of the result
     * @return float32 [positions, 2 · dims]: the cosines of each dimension's angle, then the sines, negated in the first
     *     half, so that a vector x turns to x · cos + swapHalves(x) · sin
     */
    static NDArray turns(Rope rope, int positions, NDManager manager) {
        Rotary.Table table = new Rotary(rope).table(positions);
        int half = rope.dims() / 2;
        float[] turns = new float[positions * half * 4];
        for (int from = 0; from < positions * half; from++) {
            int at = from / half * half * 4 + from % half;
            turns[at] = table.cosines()[from];
            turns[at + half] = table.cosines()[from];
            turns[at + 2 * half] = -table.sines()[from];
            turns[at + 3 * half] = table.sines()[from];
        }
        return Tensors.floats(manager, turns, new Shape(positions, 4L * half));
    }

    /**
     * Turns vectors by their positions' angles.
     *
     * @param x float32 [batch, time, heads, headDim]
     * @param turns float32 [time, 2 · dims]
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
        NDList cosSin = turns.reshape(1, shape[1], 1, 4, half).split(2, 3);
        NDArray split = x.reshape(halves);
        return split.mul(cosSin.get(0)).addi(split.flip(3).mul(cosSin.get(1))).reshape(shape);
    }
}
