package org.openstrawberry.worker;

import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import io.temporal.testserver.TestServer;
import io.temporal.testserver.TestServer.InProcessTestServer;
import org.openstrawberry.workflows.client.Strawberry;

/** A Temporal server inside this process: in memory, in real time, without an open port. */
public final class EmbeddedTemporal implements AutoCloseable {
    private final InProcessTestServer server;
    private final Strawberry connection;

    private EmbeddedTemporal(InProcessTestServer server, WorkflowClientOptions options) {
        this.server = server;
        this.connection = Strawberry.over(
                WorkflowServiceStubs.newServiceStubs(WorkflowServiceStubsOptions.newBuilder()
                        .setChannel(server.getChannel())
                        .build()),
                options);
    }

    /** Starts one for a client without further options. */
    public static EmbeddedTemporal start() {
        return start(WorkflowClientOptions.newBuilder().validateAndBuildWithDefaults());
    }

    /**
     * Starts one.
     *
     * @param options of its client: plugins, data converter and such
     */
    public static EmbeddedTemporal start(WorkflowClientOptions options) {
        return new EmbeddedTemporal(TestServer.createServer(true), options);
    }

    /** What starts runs and finds them; closed with this. */
    public Strawberry connection() {
        return connection;
    }

    /** The client of the {@link #connection}. */
    public WorkflowClient client() {
        return connection.client();
    }

    @Override
    public void close() {
        connection.close();
        server.close();
    }
}
