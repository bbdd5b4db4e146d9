package org.openstrawberry.model.pretrained;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.Map;

/** What training changes, and the model that it makes: all weights of a model, or adapters on a base that stays. */
public interface Parameters {
    /** The tensors that an optimiser changes, in place. */
    Weights trained();

    /**
     * The model's tensors as arithmetic on the trained ones, so that gradients flow back to them.
     *
     * @param trained {@link #trained()}'s tensors, or aliases of them that want gradients
     * @param memory owner of what is made
     * @return by the names of the model directory
     */
    Map<String, NDArray> model(Map<String, NDArray> trained, NDManager memory);
}
