package org.openstrawberry.worker.mlflow;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;

/**
 * Where runs are logged, by the environment variables of MLflow's own clients.
 *
 * @param server without a slash at its end
 * @param experiment by name; made where the server has none of that name
 * @param authorization the header's value
 */
public record MlflowAddress(String server, String experiment, Optional<String> authorization) {
    private static final String DEFAULT_EXPERIMENT = "strawberry";

    /**
     * The address of the option, or else of {@code MLFLOW_TRACKING_URI}; none where neither is there, or where the variable
     * names something that is no server, which is another program's matter.
     *
     * @throws InvalidInputException if the option is no address
     */
    public static Optional<MlflowAddress> of(Optional<String> option, Function<String, @Nullable String> environment) {
        Optional<String> variable = variable(environment, "MLFLOW_TRACKING_URI").filter(MlflowAddress::isServer);
        option.filter(given -> !isServer(given)).ifPresent(given -> {
            throw new InvalidInputException(
                    "--mlflow: found \"" + given + "\", expected a server's address, such as http://localhost:5000");
        });
        return option.or(() -> variable)
                .map(server -> new MlflowAddress(
                        server.replaceFirst("/+$", ""),
                        variable(environment, "MLFLOW_EXPERIMENT_NAME").orElse(DEFAULT_EXPERIMENT),
                        authorization(environment)));
    }

    private static boolean isServer(String given) {
        try {
            URI uri = URI.create(given);
            return uri.getHost() != null && String.valueOf(uri.getScheme()).matches("https?");
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private static Optional<String> authorization(Function<String, @Nullable String> environment) {
        Optional<String> user = variable(environment, "MLFLOW_TRACKING_USERNAME");
        if (user.isPresent()) {
            String both = user.get() + ":"
                    + variable(environment, "MLFLOW_TRACKING_PASSWORD").orElse("");
            return Optional.of("Basic " + Base64.getEncoder().encodeToString(both.getBytes(StandardCharsets.UTF_8)));
        }
        return variable(environment, "MLFLOW_TRACKING_TOKEN").map(token -> "Bearer " + token);
    }

    private static Optional<String> variable(Function<String, @Nullable String> environment, String name) {
        return Optional.ofNullable(environment.apply(name)).filter(value -> !value.isBlank());
    }

    /** Without what may be secret. */
    @Override
    public String toString() {
        return server.replaceFirst("//[^/@]*@", "//") + ", experiment " + experiment;
    }
}
