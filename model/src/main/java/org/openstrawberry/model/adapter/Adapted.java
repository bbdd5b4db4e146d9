package org.openstrawberry.model.adapter;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.model.pretrained.LoraConfig;
import org.openstrawberry.model.pretrained.Parameters;
import org.openstrawberry.model.pretrained.Weights;

/**
 * A base with adapters, which alone are trained.
 *
 * @param adapter where they stand, and by what scale
 * @param base shared with others, never changed
 * @param trained the adapters' tensors
 */
public record Adapted(Adapter adapter, Weights base, Weights trained) implements Parameters {
    @Override
    public Optional<LoraConfig> lora() {
        return Optional.of(adapter.config());
    }

    @Override
    public Map<String, NDArray> model(NDManager memory) {
        return adapter.applied(base.asMap(), trained.asMap(), memory);
    }
}
