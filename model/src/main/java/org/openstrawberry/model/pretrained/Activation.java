package org.openstrawberry.model.pretrained;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** The non-linear function of a feed-forward part. */
public enum Activation {
    /** x · σ(x). */
    SILU("silu", "swish"),
    /** x · Φ(x), with the normal distribution function. */
    GELU("gelu"),
    /** The approximation ½x(1 + tanh(√(2/π)(x + 0.044715x³))) (Hendrycks and Gimpel 2016, arXiv 1606.08415). */
    GELU_TANH("gelu_pytorch_tanh", "gelu_new"),
    /** max(0, x). */
    RELU("relu");

    private final List<String> names;

    Activation(String... names) {
        this.names = List.of(names);
    }

    /** The function that a {@code config.json} means by a name. */
    static Optional<Activation> named(String name) {
        return Arrays.stream(values())
                .filter(activation -> activation.names.contains(name))
                .findFirst();
    }

    static String allNames() {
        return Arrays.stream(values())
                .flatMap(activation -> activation.names.stream())
                .map(name -> "\"" + name + "\"")
                .collect(Collectors.joining(", "));
    }
}
