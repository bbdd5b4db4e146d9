package org.openstrawberry.worker;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.temporal.api.enums.v1.IndexedValueType;
import io.temporal.api.operatorservice.v1.AddSearchAttributesRequest;
import io.temporal.api.operatorservice.v1.ListSearchAttributesRequest;
import io.temporal.api.workflowservice.v1.ListWorkflowExecutionsRequest;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.serviceclient.OperatorServiceStubs;
import io.temporal.serviceclient.OperatorServiceStubsOptions;
import io.temporal.serviceclient.WorkflowServiceStubs;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.workflows.RunAttributes;

/** A connection to a Temporal server that knows our search attributes. */
record TemporalConnection(WorkflowServiceStubs stubs, WorkflowClient client) implements AutoCloseable {
    private static final int DEADLINE_SECONDS = 10;

    /**
     * Connects, and registers the search attributes where they are not known yet: a workflow that sets an unknown one
     * would be tried again for ever.
     */
    static TemporalConnection open(WorkflowServiceStubs stubs, WorkflowClientOptions options) {
        registerAttributes(stubs, options.getNamespace());
        return new TemporalConnection(stubs, WorkflowClient.newInstance(stubs, options));
    }

    private static void registerAttributes(WorkflowServiceStubs stubs, String namespace) {
        OperatorServiceStubs operator = OperatorServiceStubs.newServiceStubs(OperatorServiceStubsOptions.newBuilder()
                .setChannel(stubs.getRawChannel())
                .setGrpcMetadataProviders(stubs.getOptions().getGrpcMetadataProviders())
                .validateAndBuildWithDefaults());
        try {
            Map<String, IndexedValueType> missing = new HashMap<>(RunAttributes.types());
            known(operator, namespace).forEach(missing::remove);
            if (!missing.isEmpty()) {
                operator.blockingStub()
                        .withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                        .addSearchAttributes(AddSearchAttributesRequest.newBuilder()
                                .setNamespace(namespace)
                                .putAllSearchAttributes(missing)
                                .build());
            }
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() != Status.Code.ALREADY_EXISTS) {
                throw e;
            }
        }
    }

    private static Set<String> known(OperatorServiceStubs operator, String namespace) {
        try {
            return operator.blockingStub()
                    .withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                    .listSearchAttributes(ListSearchAttributesRequest.newBuilder()
                            .setNamespace(namespace)
                            .build())
                    .getCustomAttributesMap()
                    .keySet();
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() == Status.Code.UNIMPLEMENTED) {
                return Set.of(); // the in-process server is new each time and can't be asked
            }
            throw e;
        }
    }

    /** Reads from the server: a server that accepts connections may still not be able to. */
    static void probe(WorkflowServiceStubs stubs, String namespace, int seconds) {
        stubs.blockingStub()
                .withDeadlineAfter(seconds, TimeUnit.SECONDS)
                .listWorkflowExecutions(ListWorkflowExecutionsRequest.newBuilder()
                        .setNamespace(namespace)
                        .setPageSize(1)
                        .build());
    }

    /** Where the server is, as far as the client was told. */
    String address() {
        return String.valueOf(stubs.getOptions().getTarget()) + "/"
                + client.getOptions().getNamespace();
    }

    static InvalidInputException unreachable(String server, String namespace, StatusRuntimeException e) {
        return new InvalidInputException(
                server + ": no Temporal server answers there for the namespace " + namespace + " ("
                        + e.getStatus().getCode()
                        + (e.getStatus().getDescription() == null
                                ? ""
                                : ": " + e.getStatus().getDescription())
                        + ")",
                e);
    }

    @Override
    public void close() {
        stubs.shutdownNow();
    }
}
