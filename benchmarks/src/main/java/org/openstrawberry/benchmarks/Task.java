package org.openstrawberry.benchmarks;

import java.nio.file.Path;
import org.openstrawberry.config.InvalidInputException;

/**
 * What is measured, apart from which part of it.
 *
 * @param model a Hugging Face directory, absolute
 * @param threads of one tensor operation
 * @param dtype a value of {@code model.dtype}
 * @param learningRate of AdamW
 */
record Task(Path model, Work work, int threads, String dtype, double learningRate) {
    /** β of the loss. */
    static final double BETA = 0.1;

    /** Longest gradient. */
    static final double CLIP_NORM = 1;

    /** Tokens that a training step computes at a time: the default of run files. */
    static final int MICRO_BATCH_TOKENS = 8192;

    Task {
        if (threads < 1) {
            throw new InvalidInputException("--threads must be at least 1, found " + threads);
        }
    }

    /** For what the model alone does: it knows no other format yet. */
    void requireFloat32() {
        if (!dtype.equals("float32")) {
            throw new InvalidInputException("--dtype: found \"" + dtype + "\", expected float32");
        }
    }
}
