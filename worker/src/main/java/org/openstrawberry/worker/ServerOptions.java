package org.openstrawberry.worker;

import io.temporal.envconfig.ClientConfigProfile;
import io.temporal.envconfig.LoadClientConfigProfileOptions;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.workflows.client.Strawberry;
import picocli.CommandLine.Option;

/** Where the Temporal server is: Temporal's own client profiles and environment variables, and what overrides them. */
final class ServerOptions {
    @Option(
            names = "--server",
            paramLabel = "HOST:PORT",
            description =
                    "The Temporal server; by default that of the profile or TEMPORAL_ADDRESS, else 127.0.0.1:7233.")
    private @Nullable String server;

    @Option(names = "--namespace", paramLabel = "NAME", description = "By default that of the profile, else default.")
    private @Nullable String namespace;

    @Option(names = "--profile", paramLabel = "NAME", description = "A profile of Temporal's temporal.toml.")
    private @Nullable String profile;

    /** Whether the command line names a server. */
    boolean given() {
        return server != null || profile != null;
    }

    /**
     * Connects and reads once.
     *
     * @throws InvalidInputException if the profile can't be read or the server doesn't answer
     */
    Strawberry connect() {
        ClientConfigProfile.Builder chosen = settings().toBuilder();
        if (namespace != null) {
            chosen.setNamespace(namespace);
        }
        if (server != null) {
            chosen.setAddress(server);
        }
        ClientConfigProfile settings = chosen.build();
        return Strawberry.connect(settings.toWorkflowServiceStubsOptions(), settings.toWorkflowClientOptions());
    }

    private ClientConfigProfile settings() {
        LoadClientConfigProfileOptions.Builder options = LoadClientConfigProfileOptions.newBuilder();
        if (profile != null) {
            options.setConfigFileProfile(profile);
        }
        try {
            return ClientConfigProfile.load(options.build());
        } catch (IOException | IllegalArgumentException e) {
            throw new InvalidInputException("the Temporal client profile can't be read: " + e.getMessage(), e);
        }
    }
}
