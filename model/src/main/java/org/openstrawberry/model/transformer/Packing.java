package org.openstrawberry.model.transformer;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import org.openstrawberry.model.kernels.Kernels;

/** Whether this machine's oneDNN computes products with matrices in its own layout, and computes them right. */
final class Packing {
    private static final int SIZE = 96;
    /** Of sums of 96 products of numbers up to 1. */
    private static final float ROUNDING = 1e-4f;

    private Packing() {}

    /** Found out once. */
    private static final class Found {
        static final boolean RIGHT = right();
    }

    static boolean supported(NDManager manager) {
        return !manager.getDevice().isGpu() && Found.RIGHT;
    }

    private static boolean right() {
        try (NDManager manager = NDManager.newBaseManager(ai.djl.Device.cpu())) {
            NDArray x = numbers(manager, 1);
            NDArray weight = numbers(manager, 2);
            NDArray none = manager.create(new Shape(0));
            NDArray packed = Kernels.call("pack").with(weight).with(SIZE).tensor(manager);
            NDArray found = product(x, packed, none, manager);
            NDArray expected = product(x, weight, none, manager);
            return found.sub(expected).abs().max().getFloat() < ROUNDING;
        } catch (EngineException e) {
            return false;
        }
    }

    private static NDArray product(NDArray x, NDArray weight, NDArray none, NDManager manager) {
        return Kernels.call("product").with(x).with(weight).with(none).tensor(manager);
    }

    private static NDArray numbers(NDManager manager, int seed) {
        float[] numbers = new float[SIZE * SIZE];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) Math.sin(seed * 12.9898 + i);
        }
        return Tensors.floats(manager, numbers, new Shape(SIZE, SIZE));
    }
}
