package org.openstrawberry.benchmarks;

import java.nio.file.Path;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.Precision;

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

    /** The model's code, in the format asked for. */
    Decoder decoder(ModelDirectory directory) {
        return new Decoder(
                directory.config(),
                switch (dtype) {
                    case "float32" -> Precision.FLOAT32;
                    case "bfloat16" -> Precision.BFLOAT16;
                    default ->
                        throw new InvalidInputException(
                                "--dtype: found \"" + dtype + "\", expected float32 or bfloat16");
                });
    }
}
