package org.openstrawberry.worker;

import io.grpc.StatusRuntimeException;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.envconfig.ClientConfigProfile;
import io.temporal.envconfig.LoadClientConfigProfileOptions;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import picocli.CommandLine.Option;

/** Where the Temporal server is: Temporal's own client profiles and environment variables, and what overrides them. */
final class ServerOptions {
    private static final int PROBE_SECONDS = 10;

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
    TemporalConnection connect() {
        ClientConfigProfile.Builder chosen = settings().toBuilder();
        if (namespace != null) {
            chosen.setNamespace(namespace);
        }
        if (server != null) {
            chosen.setAddress(server);
        }
        ClientConfigProfile settings = chosen.build();
        WorkflowServiceStubsOptions stubsOptions = settings.toWorkflowServiceStubsOptions();
        WorkflowClientOptions clientOptions = settings.toWorkflowClientOptions();
        String space = Optional.ofNullable(clientOptions.getNamespace()).orElse("default");
        WorkflowServiceStubs stubs = WorkflowServiceStubs.newServiceStubs(stubsOptions);
        try {
            TemporalConnection.probe(stubs, space, PROBE_SECONDS);
            return TemporalConnection.open(
                    stubs, clientOptions.toBuilder().setNamespace(space).build());
        } catch (StatusRuntimeException e) {
            stubs.shutdownNow();
            String target = Optional.ofNullable(stubsOptions.getTarget()).orElse("127.0.0.1:7233");
            throw TemporalConnection.unreachable(target, space, e);
        }
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
