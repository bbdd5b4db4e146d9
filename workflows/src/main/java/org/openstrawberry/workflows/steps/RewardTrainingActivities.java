package org.openstrawberry.workflows.steps;

import io.temporal.activity.ActivityInterface;
import java.util.Map;

/** Whatever changes a reward model in training or stores it. Each step that finds its output there returns it. */
@ActivityInterface(namePrefix = "RewardModel")
public interface RewardTrainingActivities {
    /** Publishes the untrained model where there is none yet, and says where the training stands. */
    Standing begin(RunRef run);

    /**
     * Takes the next steps, up to the next checkpoint, and publishes that checkpoint.
     *
     * @param step steps already taken
     */
    Standing advance(RunRef run, int step);

    /**
     * Writes the trained model, a Hugging Face directory, and {@code result.json}.
     *
     * @param step steps taken
     */
    Exported export(RunRef run, int step);

    /**
     * Where a training stands.
     *
     * @param step steps taken
     * @param steps to take in all
     * @param metrics of the last of them, and of the last evaluation
     */
    record Standing(int step, int steps, Map<String, Double> metrics) {}

    /**
     * @param steps taken
     * @param of how many; 0 in what was written before a training could be stopped
     * @param metrics of the last of them, and of the last evaluation
     * @param model absolute path of the directory
     * @param sha256 of its {@code model.safetensors}, or of the hashes of its shards
     */
    record Exported(int steps, int of, Map<String, Double> metrics, String model, String sha256) {}
}
