package org.openstrawberry.worker;

import com.uber.m3.tally.Scope;
import io.temporal.envconfig.ClientConfigProfile;
import io.temporal.envconfig.LoadClientConfigProfileOptions;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.workflows.client.Strawberry;
import picocli.CommandLine.Option;

/** Where the Temporal server is: Temporal's own client profiles and environment variables, and what overrides them. */
final class ServerOptions {
    /** Without a port gRPC would take that of the web, and with one out of range it would wait in vain. */
    private static final Pattern ADDRESS =
            Pattern.compile(".+:(\\d{1,4}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])");

    private static final String DEFAULT_ADDRESS = "127.0.0.1:7233";

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
     * @throws InvalidInputException if the profile or its certificates can't be read or the server doesn't answer
     */
    Strawberry connect() {
        return connect(Optional.empty());
    }

    /**
     * The same, with the SDK's own metrics.
     *
     * @param metrics where they go
     */
    Strawberry connect(Optional<Scope> metrics) {
        ClientConfigProfile settings = settings();
        WorkflowServiceStubsOptions connection = connection(settings);
        if (metrics.isPresent()) {
            connection = WorkflowServiceStubsOptions.newBuilder(connection)
                    .setMetricsScope(metrics.get())
                    .build();
        }
        String target = connection.getTarget();
        if (!ADDRESS.matcher(target).matches()) {
            throw new InvalidInputException(target + ": expected HOST:PORT, such as " + DEFAULT_ADDRESS);
        }
        return Strawberry.connect(connection, settings.toWorkflowClientOptions());
    }

    /** Connects for what no server can do or answer by itself, and says so where no worker is seen. */
    Strawberry connectToWorkers() {
        Strawberry temporal = connect();
        if (!temporal.hasWorkers()) {
            System.err.println(TerminalText.wrapped("No worker asks " + temporal.address()
                    + " for work; what a run does or tells waits for one (./strawberry worker)."));
        }
        return temporal;
    }

    private ClientConfigProfile settings() {
        LoadClientConfigProfileOptions.Builder options =
                LoadClientConfigProfileOptions.newBuilder().setConfigFileStrict(true);
        if (profile != null) {
            options.setConfigFileProfile(profile);
        }
        ClientConfigProfile.Builder chosen;
        try {
            chosen = ClientConfigProfile.load(options.build()).toBuilder();
        } catch (IOException | IllegalArgumentException e) {
            throw new InvalidInputException("the Temporal client profile can't be read: " + firstLine(e), e);
        }
        if (namespace != null) {
            chosen.setNamespace(namespace);
        }
        if (server != null) {
            chosen.setAddress(server);
        }
        ClientConfigProfile settings = chosen.build();
        // Left open, the stubs have a default of their own, but no address to show in an error.
        return settings.getAddress() == null
                ? settings.toBuilder().setAddress(DEFAULT_ADDRESS).build()
                : settings;
    }

    private static WorkflowServiceStubsOptions connection(ClientConfigProfile settings) {
        try {
            return settings.toWorkflowServiceStubsOptions();
        } catch (RuntimeException e) {
            // The profile wraps whatever goes wrong with its certificates; a file that isn't there has only its name.
            String reason = e.getCause() instanceof NoSuchFileException missing
                    ? missing.getFile() + ": no such file"
                    : firstLine(e);
            throw new InvalidInputException(
                    "the TLS certificates of the Temporal client profile can't be read: " + reason
                            + "; expected a certificate and its PKCS #8 key as PEM files",
                    e);
        }
    }

    private static String firstLine(Exception e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }
}
