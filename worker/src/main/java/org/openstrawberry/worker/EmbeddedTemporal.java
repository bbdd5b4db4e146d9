package org.openstrawberry.worker;

import com.uber.m3.tally.Scope;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import io.temporal.testserver.TestServer;
import io.temporal.testserver.TestServer.InProcessTestServer;
import java.util.Optional;
import org.openstrawberry.workflows.client.Strawberry;

/** A Temporal server inside this process: in memory, in real time, without an open port. */
public final class EmbeddedTemporal implements AutoCloseable {
    private final InProcessTestServer server;
    private final Strawberry connection;

    private EmbeddedTemporal(InProcessTestServer server, WorkflowClientOptions options, Optional<Scope> metrics) {
        this.server = server;
        new LockNotes(server).drop();
        WorkflowServiceStubsOptions.Builder connecting =
                WorkflowServiceStubsOptions.newBuilder().setChannel(server.getChannel());
        metrics.ifPresent(connecting::setMetricsScope);
        this.connection = Strawberry.over(WorkflowServiceStubs.newServiceStubs(connecting.build()), options);
    }

    /** Starts one for a client without further options. */
    public static EmbeddedTemporal start() {
        return start(Optional.empty());
    }

    /**
     * The same, with the SDK's own metrics.
     *
     * @param metrics where they go
     */
    static EmbeddedTemporal start(Optional<Scope> metrics) {
        return new EmbeddedTemporal(
                TestServer.createServer(true),
                WorkflowClientOptions.newBuilder().validateAndBuildWithDefaults(),
                metrics);
    }

    /**
     * Starts one.
     *
     * @param options of its client: plugins, data converter and such
     */
    public static EmbeddedTemporal start(WorkflowClientOptions options) {
        return new EmbeddedTemporal(TestServer.createServer(true), options, Optional.empty());
    }

    /** What starts runs and finds them; closed with this. */
    public Strawberry connection() {
        return connection;
    }

    /** The client of the {@link #connection}. */
    public WorkflowClient client() {
        return connection.client();
    }

    LockNotes lockNotes() {
        return new LockNotes(server);
    }

    @Override
    public void close() {
        connection.close();
        // Else the server waits for seconds for whoever still asks it for the result of a run that was left.
        server.getChannel().shutdownNow();
        server.close();
    }
}
