package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.NoSuchElementException;

/** Named arrays that an optimiser keeps from step to step, and the number of steps. */
final class OptimizerState implements AutoCloseable {
    private final NDManager memory;
    private final Map<String, NDArray> arrays = new LinkedHashMap<>();
    private long steps;

    OptimizerState(NDManager parent) {
        memory = parent.newSubManager();
    }

    /**
     * @param what kind of array
     * @param name of the weight it belongs to
     * @param weight gives the shape
     * @return the array, zero at first
     */
    NDArray of(String what, String name, NDArray weight) {
        return arrays.computeIfAbsent(what + "." + name, key -> {
            NDArray zeros = memory.zeros(weight.getShape(), weight.getDataType());
            NDScope.unregister(zeros);
            return zeros;
        });
    }

    /** @return the gradient of a weight, which must be there */
    static NDArray gradient(Map<String, NDArray> gradients, String name) {
        NDArray gradient = gradients.get(name);
        if (gradient == null) {
            throw new NoSuchElementException("there is no gradient of " + name);
        }
        return gradient;
    }

    Map<String, NDArray> arrays() {
        return Collections.unmodifiableMap(arrays);
    }

    long steps() {
        return steps;
    }

    /** @return the number of the step that begins, from 1 */
    long begin() {
        return ++steps;
    }

    void restore(Map<String, NDArray> saved, long savedSteps) {
        if (savedSteps < 0) {
            throw new IllegalArgumentException("steps must be ≥ 0, found " + savedSteps);
        }
        arrays.values().forEach(NDArray::close);
        arrays.clear();
        saved.forEach((name, array) -> {
            NDArray copy = array.duplicate();
            copy.attach(memory);
            arrays.put(name, copy);
        });
        steps = savedSteps;
    }

    @Override
    public void close() {
        memory.close();
    }
}
