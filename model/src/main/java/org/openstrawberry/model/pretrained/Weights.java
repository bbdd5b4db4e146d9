package org.openstrawberry.model.pretrained;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.openstrawberry.model.safetensors.SafetensorsFile;
import org.openstrawberry.model.safetensors.SafetensorsWriter;

/**
 * The weights of a model: float32 arrays by the names that they have in its files, in a fixed order, all owned by one
 * manager that closing this closes. Arrays are changed in place only, so that one taken by {@link #get} stays valid for
 * the life of the weights.
 */
public final class Weights implements Parameters, AutoCloseable {
    private static final NDIndex EVERYTHING = new NDIndex("...");

    private final NDManager owner;
    private final Map<String, NDArray> arrays;

    private Weights(NDManager owner, Map<String, NDArray> arrays) {
        this.owner = owner;
        this.arrays = Collections.unmodifiableMap(arrays);
    }

    /**
     * Takes over arrays: from now on the weights own them. Arrays made from Java buffers do not belong here; duplicate
     * them first, so that they lie where the engine's allocator puts them.
     *
     * @param parent whose closing also closes the weights
     * @param arrays float32; the map's order becomes the weights' order
     */
    public static Weights of(NDManager parent, Map<String, NDArray> arrays) {
        NDManager owner = parent.newSubManager();
        arrays.values().forEach(array -> array.attach(owner));
        return new Weights(owner, new LinkedHashMap<>(arrays));
    }

    /**
     * Reads all tensors of one safetensors file, in the file's order.
     *
     * @throws org.openstrawberry.config.InvalidInputException if there is no such file, or it is truncated or broken
     */
    public static Weights load(Path file, NDManager parent) {
        NDManager owner = parent.newSubManager();
        try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
            Map<String, NDArray> arrays = new LinkedHashMap<>();
            for (String name : tensors.names()) {
                arrays.put(name, tensors.read(name, owner));
            }
            return new Weights(owner, arrays);
        } catch (RuntimeException e) {
            owner.close();
            throw e;
        }
    }

    /**
     * Writes one safetensors file, in the weights' order.
     *
     * @throws java.io.UncheckedIOException if the file cannot be written
     */
    public void save(Path file) {
        SafetensorsWriter.write(file, arrays);
    }

    /**
     * The array of a name.
     *
     * @throws IllegalArgumentException if there is none
     */
    public NDArray get(String name) {
        NDArray array = arrays.get(name);
        if (array == null) {
            throw new IllegalArgumentException("no weight is called \"" + name + "\"");
        }
        return array;
    }

    /** Whether there is an array of a name. */
    public boolean contains(String name) {
        return arrays.containsKey(name);
    }

    /** The names, in order. */
    public Set<String> names() {
        return arrays.keySet();
    }

    /** The arrays by name, in order; a view that cannot be changed. */
    public Map<String, NDArray> asMap() {
        return arrays;
    }

    /** Number of parameters: elements of all arrays. */
    public long parameters() {
        return arrays.values().stream().mapToLong(NDArray::size).sum();
    }

    /** A manager for what is computed from these weights: on their device, closed by the caller or with them. */
    public NDManager newSubManager() {
        return owner.newSubManager();
    }

    /**
     * A copy with memory of its own, without gradients.
     *
     * @param parent whose closing also closes the copy
     */
    public Weights copy(NDManager parent) {
        NDManager copyOwner = parent.newSubManager();
        Map<String, NDArray> copies = new LinkedHashMap<>();
        arrays.forEach((name, array) -> {
            try (NDArray source = array.stopGradient()) {
                NDArray copy = source.duplicate();
                copy.attach(copyOwner);
                copies.put(name, copy);
            }
        });
        return new Weights(copyOwner, copies);
    }

    /**
     * Overwrites these weights, in place, by others of the same names and shapes.
     *
     * @throws IllegalArgumentException if names or shapes differ
     */
    public void copyFrom(Weights other) {
        requireSameShapes(other);
        arrays.forEach((name, array) -> {
            try (NDArray target = array.stopGradient();
                    NDArray source = other.get(name).stopGradient()) {
                target.set(EVERYTHING, source);
            }
        });
    }

    /**
     * Moves these weights, in place, towards others: θ ← α·θ_other + (1 − α)·θ.
     *
     * @param other of the same names and shapes
     * @param alpha share of the others, from 0 to 1
     * @throws IllegalArgumentException if names or shapes differ, or alpha is out of range
     */
    public void blendFrom(Weights other, double alpha) {
        if (!(alpha >= 0 && alpha <= 1)) {
            throw new IllegalArgumentException("alpha must be from 0 to 1, found " + alpha);
        }
        requireSameShapes(other);
        arrays.forEach((name, array) -> {
            try (NDArray target = array.stopGradient();
                    NDArray source = other.get(name).stopGradient();
                    NDArray share = source.mul((float) alpha)) {
                target.muli((float) (1 - alpha)).addi(share);
            }
        });
    }

    /** Whether every element is a finite number. */
    public boolean areFinite() {
        return arrays.values().stream().allMatch(array -> {
            try (NDArray detached = array.stopGradient();
                    NDArray sizes = detached.abs();
                    NDArray greatest = sizes.max()) {
                return Float.isFinite(greatest.getFloat());
            }
        });
    }

    @Override
    public Weights trained() {
        return this;
    }

    @Override
    public Optional<LoraConfig> lora() {
        return Optional.empty();
    }

    @Override
    public Map<String, NDArray> model(NDManager memory) {
        return arrays;
    }

    @Override
    public void close() {
        owner.close();
    }

    private void requireSameShapes(Weights other) {
        if (!names().equals(other.names())) {
            throw new IllegalArgumentException("the weights have other names: " + names() + " and " + other.names());
        }
        arrays.forEach((name, array) -> {
            if (!array.getShape().equals(other.get(name).getShape())) {
                throw new IllegalArgumentException("weight \"" + name + "\" has another shape: " + array.getShape()
                        + " and " + other.get(name).getShape());
            }
        });
    }
}
