package org.openstrawberry.worker;

import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import io.temporal.testserver.TestServer;
import io.temporal.testserver.TestServer.InProcessTestServer;
import org.openstrawberry.workflows.client.Strawberry;

/** A Temporal server inside this process: in memory, in real time, without an open port. */
final class EmbeddedTemporal implements AutoCloseable {
    private final InProcessTestServer server;
    private final Strawberry connection;

    private EmbeddedTemporal(InProcessTestServer server) {
        this.server = server;
        this.connection = Strawberry.over(
                WorkflowServiceStubs.newServiceStubs(WorkflowServiceStubsOptions.newBuilder()
                        .setChannel(server.getChannel())
                        .build()),
                WorkflowClientOptions.newBuilder().validateAndBuildWithDefaults());
    }

    static EmbeddedTemporal start() {
        return new EmbeddedTemporal(TestServer.createServer(true));
    }

    Strawberry connection() {
        return connection;
    }

    WorkflowClient client() {
        return connection.client();
    }

    @Override
    public void close() {
        connection.close();
        server.close();
    }
}
