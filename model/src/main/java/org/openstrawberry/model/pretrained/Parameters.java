package org.openstrawberry.model.pretrained;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.Map;
import java.util.Optional;

/** What training changes, and the model that it makes: all weights of a model, or adapters on a base that stays. */
public interface Parameters {
    /** The tensors that an optimiser changes, in place. */
    Weights trained();

    /** How the trained tensors stand on a base; nothing where they are the model itself. */
    Optional<LoraConfig> lora();

    /**
     * The model's tensors.
     *
     * @param memory owner of what is made
     * @return by the names of the model directory
     */
    Map<String, NDArray> model(NDManager memory);
}
