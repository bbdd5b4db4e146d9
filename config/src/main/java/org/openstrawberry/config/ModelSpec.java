package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The policy to start from and where it is computed.
 *
 * @param policy absolute path of a Hugging Face model directory
 * @param dtype number format of products, in sampling and training
 * @param device {@code cpu}, {@code cuda} or {@code cuda:N}
 * @param threads threads of one tensor operation, at least 1; part of the specification because sums depend on it
 * @param gradientCheckpointing whether a step computes each layer once more for its gradient instead of keeping what is in
 *     between: less memory, a third more arithmetic
 * @param lora adapters to train in the place of all weights
 */
@JsonNaming(KebabCaseStrategy.class)
public record ModelSpec(
        @JsonPropertyDescription("the path of a Hugging Face model directory")
        String policy,

        Dtype dtype,
        String device,
        int threads,
        boolean gradientCheckpointing,
        Optional<LoraSpec> lora) {

    private static final Pattern DEVICE = Pattern.compile("cpu|cuda(:[0-9]{1,3})?");

    /** Number format of products. Weights that are trained, gradients and optimiser state are float32 with either. */
    public enum Dtype {
        /** IEEE 754 single precision. */
        @JsonProperty("float32")
        FLOAT32,
        /** Eight bits of exponent and seven of fraction, from copies of the weights that follow each step. */
        @JsonProperty("bfloat16")
        BFLOAT16
    }

    /** Checks device and threads. */
    public ModelSpec {
        Check.notBlank("policy", policy);
        checkDevice(device);
        Check.atLeast(1, "threads", threads);
    }

    static void checkDevice(String device) {
        Check.that(DEVICE.matcher(device).matches(), "device", "cpu, cuda or cuda:N", device);
    }
}
