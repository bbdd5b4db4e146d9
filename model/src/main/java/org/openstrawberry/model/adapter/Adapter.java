package org.openstrawberry.model.adapter;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.pretrained.LoraConfig;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Tensors;

/** What adapters of one configuration do to one model; it holds no weights. */
public final class Adapter {
    private final LoraConfig config;
    private final ModelConfig model;
    private final List<String> layers;

    /**
     * Adapters of a model.
     *
     * @param config of the adapters
     * @param model that is adapted
     * @throws IllegalArgumentException if a target is no layer's name
     */
    public Adapter(LoraConfig config, ModelConfig model) {
        this.config = config;
        this.model = model;
        this.layers = config.layers(model);
    }

    /** Of the adapters. */
    public LoraConfig config() {
        return config;
    }

    /**
     * Adapters that change nothing yet, drawn as PEFT draws them: A uniform from −1/√in to 1/√in, B zero. The bytes depend
     * on the seed alone.
     *
     * @param seed of A
     * @param parent whose closing also closes them
     */
    public Weights fresh(long seed, NDManager parent) {
        if (config.head()) {
            throw new IllegalArgumentException("a head is not drawn; expected the base that it is taken from");
        }
        return Weights.of(parent, drawn(seed, parent));
    }

    /**
     * As {@link #fresh(long, NDManager)}, with a copy of the base's head beside the adapters.
     *
     * @param base has the head
     */
    public Weights freshWithHead(long seed, Weights base, NDManager parent) {
        Map<String, NDArray> tensors = drawn(seed, parent);
        tensors.put(LoraConfig.head(model), base.get(model.headName()).duplicate());
        return Weights.of(parent, tensors);
    }

    private Map<String, NDArray> drawn(long seed, NDManager parent) {
        Map<String, NDArray> tensors = new LinkedHashMap<>();
        new LoraConfig(config.rank(), config.alpha(), config.rankStabilised(), config.targets())
                .tensorShapes(model)
                .forEach((name, shape) -> {
                    boolean up = layers.stream()
                            .anyMatch(layer -> LoraConfig.up(layer).equals(name));
                    tensors.put(name, up ? parent.zeros(shape) : uniform(name, shape, seed, parent));
                });
        return tensors;
    }

    private static NDArray uniform(String name, Shape shape, long seed, NDManager manager) {
        long key = Philox.seed(seed, "initial adapter " + name);
        double bound = 1 / Math.sqrt(shape.get(1));
        float[] data = new float[Math.toIntExact(shape.size())];
        for (int i = 0; i < data.length; i++) {
            int word = Philox.block(key, i, 0, 0, 0)[0];
            data[i] = (float) (bound * (2 * (Integer.toUnsignedLong(word) + 0.5) * 0x1p-32 - 1));
        }
        return Tensors.floats(manager, data, shape);
    }

    /**
     * The tensors of the adapted model; with B zero they are the base's, to the last bit.
     *
     * @param base tensors of the model, not changed
     * @param adapter tensors of {@link LoraConfig#tensorShapes}
     * @param memory owner of what is made
     * @return the model's tensors in its order; the layers that are not adapted are the base's own arrays, and a head that
     *     stands beside the adapters is their own
     */
    public Map<String, NDArray> applied(Map<String, NDArray> base, Map<String, NDArray> adapter, NDManager memory) {
        Map<String, NDArray> adapted = new LinkedHashMap<>(base);
        NDArray scale = Tensors.scalar(memory, config.scale());
        for (String layer : layers) {
            adapted.computeIfPresent(layer + ".weight", (name, weight) -> {
                // What is made in between would belong to the adapter's own manager, and stay as long as it does.
                try (NDScope temporary = new NDScope()) {
                    temporary.suppressNotUsedWarning();
                    NDArray change = named(adapter, LoraConfig.up(layer))
                            .matMul(named(adapter, LoraConfig.down(layer)))
                            .mul(scale); // [out, in]
                    NDArray sum = weight.add(model.names().inByOut() ? change.transpose() : change);
                    NDScope.unregister(sum);
                    sum.attach(memory);
                    return sum;
                }
            });
        }
        if (config.head()) {
            adapted.put(model.headName(), named(adapter, LoraConfig.head(model)));
        }
        return adapted;
    }

    private static NDArray named(Map<String, NDArray> adapter, String name) {
        NDArray array = adapter.get(name);
        if (array == null) {
            throw new IllegalArgumentException("the adapter holds no tensor named " + name);
        }
        return array;
    }

    /**
     * A model with the adapters in its weights.
     *
     * @param base not changed
     * @param adapter of this configuration
     * @param parent whose closing also closes the copy
     */
    public Weights merged(Weights base, Weights adapter, NDManager parent) {
        try (NDManager memory = base.newSubManager()) {
            Map<String, NDArray> merged = new LinkedHashMap<>();
            applied(base.asMap(), adapter.asMap(), memory).forEach((name, array) -> {
                boolean made = base.get(name) != array && !(config.head() && name.equals(model.headName()));
                merged.put(name, made ? array : array.duplicate());
            });
            return Weights.of(parent, merged);
        }
    }
}
