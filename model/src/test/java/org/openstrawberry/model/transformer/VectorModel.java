package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.safetensors.SafetensorsFile;

/** A model of the reference vectors, with what Hugging Face computes on it. */
public final class VectorModel {
    private final Path directory;
    private final ModelDirectory model;
    private final JsonNode vectors;

    public VectorModel(String name) {
        directory = Vectors.model(name);
        model = ModelDirectory.open(directory);
        vectors = Vectors.json(directory.resolve("vectors.json"));
    }

    public ModelConfig config() {
        return model.config();
    }

    public Decoder decoder() {
        return new Decoder(model.config());
    }

    public int padId() {
        return model.padId();
    }

    public Weights weights(NDManager manager) {
        return model.load(manager);
    }

    /** The reference policy of the preference vectors. */
    public Weights reference(NDManager manager) {
        JsonNode reference = vectors.at("/dpo/reference");
        if (reference.isTextual()) {
            return Weights.load(directory.resolve(reference.textValue()).resolve("model.safetensors"), manager);
        }
        Weights scaled = model.load(manager);
        float factor = reference.get("every_tensor_times").floatValue();
        scaled.asMap().values().forEach(array -> array.muli(factor));
        return scaled;
    }

    /** A node of vectors.json, by JSON pointer. */
    public JsonNode at(String pointer) {
        return vectors.at(pointer);
    }

    /** The numbers of an array of vectors.safetensors. */
    public float[] floats(String name, NDManager manager) {
        return floats("vectors.safetensors", manager, name);
    }

    /** The whole numbers of an array of vectors.safetensors. */
    public long[] longs(String name, NDManager manager) {
        try (SafetensorsFile tensors = SafetensorsFile.open(directory.resolve("vectors.safetensors"));
                NDArray array = tensors.read(name, manager)) {
            return array.toLongArray();
        }
    }

    private float[] floats(String file, NDManager manager, String name) {
        try (SafetensorsFile tensors = SafetensorsFile.open(directory.resolve(file));
                NDArray array = tensors.read(name, manager)) {
            return array.toFloatArray();
        }
    }

    /** All arrays of a safetensors file of the model's directory. */
    public Map<String, float[]> file(String file, NDManager manager) {
        Map<String, float[]> arrays = new LinkedHashMap<>();
        try (SafetensorsFile tensors = SafetensorsFile.open(directory.resolve(file))) {
            for (String name : tensors.names()) {
                try (NDArray array = tensors.read(name, manager)) {
                    arrays.put(name, array.toFloatArray());
                }
            }
        }
        return arrays;
    }
}
