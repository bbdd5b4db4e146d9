package org.openstrawberry.model.pretrained;

import ai.djl.ndarray.NDManager;
import java.nio.file.Files;
import java.nio.file.Path;
import org.openstrawberry.config.InvalidInputException;

/**
 * Other weights of a model: a directory that need not be a whole model directory, such as a reference beside its policy,
 * which takes the policy's tokenizer.
 */
public final class SiblingWeights {
    private SiblingWeights() {}

    /**
     * Reads the weights of a directory; its configuration, where there is one, must be the model's.
     *
     * @param model that the weights are for
     * @param directory with {@code model.safetensors} or an index of shards
     * @param parent whose closing also closes the weights, and whose device they are on
     * @return the tensors of the model's configuration, as float32
     * @throws InvalidInputException if the directory or a tensor is missing, broken or of another model
     */
    public static Weights load(ModelDirectory model, Path directory, NDManager parent) {
        if (!Files.isDirectory(directory)) {
            throw new InvalidInputException(directory + ": "
                    + (Files.exists(directory) ? "found a file" : "no such directory")
                    + ", expected a directory with model.safetensors");
        }
        Path config = directory.resolve("config.json");
        if (Files.exists(config) && !ModelConfig.read(config).equals(model.config())) {
            throw new InvalidInputException(
                    config + ": describes another model than " + model.path().resolve("config.json"));
        }
        return WeightFiles.find(directory, model.config()).load(model.config(), parent);
    }
}
