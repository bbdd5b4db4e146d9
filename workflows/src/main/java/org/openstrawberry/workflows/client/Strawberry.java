package org.openstrawberry.workflows.client;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.temporal.api.enums.v1.IndexedValueType;
import io.temporal.api.enums.v1.TaskQueueType;
import io.temporal.api.operatorservice.v1.AddSearchAttributesRequest;
import io.temporal.api.operatorservice.v1.ListSearchAttributesRequest;
import io.temporal.api.taskqueue.v1.TaskQueue;
import io.temporal.api.workflowservice.v1.DescribeTaskQueueRequest;
import io.temporal.api.workflowservice.v1.ListWorkflowExecutionsRequest;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowExecutionMetadata;
import io.temporal.client.WorkflowNotFoundException;
import io.temporal.serviceclient.OperatorServiceStubs;
import io.temporal.serviceclient.OperatorServiceStubsOptions;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.RunAttributes;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.steps.TaskQueues;

/**
 * A connection to a Temporal server, to start runs and find them.
 *
 * <pre>{@code
 * try (Strawberry strawberry = Strawberry.connect(stubs, client)) {
 *     RunHandle run = strawberry.start("my-run", spec, "/data/runs/my-run", OnRunning.ATTACH);
 *     run.progress(Duration.ofSeconds(1)).subscribe(System.out::println);
 *     RunResult result = run.result().block();
 * }
 * }</pre>
 */
public final class Strawberry implements AutoCloseable {
    private static final int DEADLINE_SECONDS = 10;
    private static final String DEFAULT_NAMESPACE = "default";

    private final WorkflowServiceStubs stubs;
    private final WorkflowClient client;

    private Strawberry(WorkflowServiceStubs stubs, WorkflowClient client) {
        this.stubs = stubs;
        this.client = client;
    }

    /** What to do where a run of that id is running already. It never runs twice. */
    public enum OnRunning {
        /** Give the running one. */
        ATTACH,
        /** Refuse. */
        FAIL
    }

    /**
     * Connects, reads once, and registers the runs' search attributes where the server doesn't know them.
     *
     * @param connection where the server is; see Temporal's own client profiles for a way to read it
     * @param options namespace, data converter and such
     * @throws InvalidInputException if the server doesn't answer, refuses us, or has no such namespace
     */
    public static Strawberry connect(WorkflowServiceStubsOptions connection, WorkflowClientOptions options) {
        return over(WorkflowServiceStubs.newServiceStubs(connection), options);
    }

    /** The same over stubs that are there already; closing this shuts them down. */
    public static Strawberry over(WorkflowServiceStubs stubs, WorkflowClientOptions options) {
        String namespace = Optional.ofNullable(options.getNamespace()).orElse(DEFAULT_NAMESPACE);
        try {
            register(stubs, namespace);
        } catch (StatusRuntimeException e) {
            stubs.shutdownNow();
            throw Refusals.unreachable(target(stubs), namespace, e);
        } catch (InvalidInputException e) {
            stubs.shutdownNow();
            throw e;
        }
        return new Strawberry(
                stubs,
                WorkflowClient.newInstance(
                        stubs, options.toBuilder().setNamespace(namespace).build()));
    }

    /**
     * Whether a server answers a real read; one that accepts connections may still not be able to.
     *
     * @param patience how long to wait for the answer
     */
    public static boolean reads(WorkflowServiceStubs stubs, Duration patience) {
        try {
            stubs.blockingStub()
                    .withDeadlineAfter(patience.toMillis(), TimeUnit.MILLISECONDS)
                    .listWorkflowExecutions(ListWorkflowExecutionsRequest.newBuilder()
                            .setNamespace(DEFAULT_NAMESPACE)
                            .setPageSize(1)
                            .build());
            return true;
        } catch (StatusRuntimeException e) {
            return false;
        }
    }

    /**
     * Starts a run, or goes on with one that is no longer running, from its directory.
     *
     * @param id names the run and its workflow
     * @param directory where the run lives: the absolute path by which its workers see it
     * @throws InvalidInputException if the run is running and that is to fail
     */
    public RunHandle start(String id, RunSpec spec, String directory, OnRunning onRunning) {
        try {
            return RunHandle.start(client, id, TrainingInput.start(spec, directory));
        } catch (WorkflowExecutionAlreadyStarted e) {
            if (onRunning == OnRunning.ATTACH) {
                return attach(id);
            }
            throw new InvalidInputException(id + ": is running already on " + address(), e);
        }
    }

    /** A run that was started before, by whomever. */
    public RunHandle attach(String id) {
        return RunHandle.attach(client, id);
    }

    /** Whether there is a run of that id, running or ended. */
    public boolean has(String id) {
        try {
            client.newUntypedWorkflowStub(id).describe();
            return true;
        } catch (WorkflowNotFoundException e) {
            return false;
        }
    }

    /** The server's runs, newest first; of one that was continued, the part under way. */
    public Stream<WorkflowExecutionMetadata> runs() {
        return client.listExecutions("WorkflowType = 'TrainingWorkflow' AND ExecutionStatus != 'ContinuedAsNew'");
    }

    /** Whether any process has asked for work on runs in the last minutes; true where the server doesn't tell. */
    public boolean hasWorkers() {
        try {
            return stubs.blockingStub()
                            .withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                            .describeTaskQueue(DescribeTaskQueueRequest.newBuilder()
                                    .setNamespace(client.getOptions().getNamespace())
                                    .setTaskQueue(TaskQueue.newBuilder().setName(TaskQueues.RUNS))
                                    .setTaskQueueType(TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
                                    .build())
                            .getPollersCount()
                    > 0;
        } catch (StatusRuntimeException e) {
            return true;
        }
    }

    /** The schedules that start runs. A server in this process has none. */
    public RunSchedules schedules() {
        return new RunSchedules(client, address());
    }

    /** Temporal's own client, for workers and whatever this has no word for. */
    public WorkflowClient client() {
        return client;
    }

    /** Server and namespace, in words. */
    public String address() {
        return target(stubs) + "/" + client.getOptions().getNamespace();
    }

    @Override
    public void close() {
        stubs.shutdownNow();
    }

    /** A workflow that sets an unknown search attribute would be tried again for ever. */
    private static void register(WorkflowServiceStubs stubs, String namespace) {
        OperatorServiceStubs operator = OperatorServiceStubs.newServiceStubs(OperatorServiceStubsOptions.newBuilder()
                .setChannel(stubs.getRawChannel())
                .setGrpcMetadataProviders(stubs.getOptions().getGrpcMetadataProviders())
                .validateAndBuildWithDefaults());
        Map<String, IndexedValueType> missing = new HashMap<>(RunAttributes.types());
        known(operator, namespace).forEach(missing::remove);
        if (missing.isEmpty()) {
            return;
        }
        try {
            operator.blockingStub()
                    .withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                    .addSearchAttributes(AddSearchAttributesRequest.newBuilder()
                            .setNamespace(namespace)
                            .putAllSearchAttributes(missing)
                            .build());
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() != Status.Code.ALREADY_EXISTS) {
                throw Refusals.unregistered(target(stubs), namespace, missing, e);
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

    private static String target(WorkflowServiceStubs stubs) {
        return Optional.ofNullable(stubs.getOptions().getTarget()).orElse("in process");
    }
}
