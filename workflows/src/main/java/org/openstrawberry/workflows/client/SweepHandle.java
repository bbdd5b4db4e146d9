package org.openstrawberry.workflows.client;

import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowExecutionDescription;
import io.temporal.client.WorkflowNotFoundException;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.common.SearchAttributes;
import java.time.Duration;
import java.util.Optional;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.workflows.RunAttributes;
import org.openstrawberry.workflows.SweepInput;
import org.openstrawberry.workflows.SweepResults;
import org.openstrawberry.workflows.SweepWorkflow;
import org.openstrawberry.workflows.steps.TaskQueues;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** One sweep on a Temporal server: watch it, steer it, wait for its results. Its trials are runs, each with a {@link RunHandle}. */
public final class SweepHandle {
    private static final Logger log = LoggerFactory.getLogger(SweepHandle.class);

    private final WorkflowClient client;
    private final WorkflowStub stub;
    private final SweepWorkflow workflow;

    private SweepHandle(WorkflowClient client, String id) {
        this.client = client;
        this.stub = client.newUntypedWorkflowStub(id);
        this.workflow = client.newWorkflowStub(SweepWorkflow.class, id);
    }

    /**
     * Starts a sweep, or goes on with one that is no longer running, from its trials' directories.
     *
     * @throws WorkflowExecutionAlreadyStarted if a workflow of that id is running
     */
    public static SweepHandle start(WorkflowClient client, String id, SweepInput input) {
        SweepWorkflow workflow = client.newWorkflowStub(
                SweepWorkflow.class,
                WorkflowOptions.newBuilder()
                        .setWorkflowId(id)
                        .setTaskQueue(TaskQueues.RUNS)
                        .setStaticSummary("sweep of " + input.spec().trials().size() + " trials")
                        .setStaticDetails("Sweep directory: `" + input.directory() + "`")
                        .setMemo(RunAttributes.memo(input.directory()))
                        .setTypedSearchAttributes(SearchAttributes.newBuilder()
                                .set(RunAttributes.TASK, input.spec().name())
                                .build())
                        .build());
        Starts.start(() -> WorkflowClient.start(workflow::sweep, input));
        return new SweepHandle(client, id);
    }

    /**
     * The sweep of that id, if it is running.
     *
     * @throws InvalidInputException if what runs under that id is no sweep
     */
    public static Optional<SweepHandle> running(WorkflowClient client, String id) {
        SweepHandle sweep = new SweepHandle(client, id);
        try {
            WorkflowExecutionDescription execution = sweep.stub.describe();
            if (execution.getCloseTime() != null) {
                return Optional.empty();
            }
            if (!execution.getWorkflowType().equals("SweepWorkflow")) {
                throw new InvalidInputException(id + ": is running, and is no sweep; expected another --id");
            }
            return Optional.of(sweep);
        } catch (WorkflowNotFoundException e) {
            return Optional.empty();
        }
    }

    /** Where the trials stand, asked again and again; a question that fails is left out. Cold, endless. */
    public Flux<SweepResults> results(Duration every) {
        return Flux.interval(Duration.ZERO, every)
                .onBackpressureDrop()
                .concatMap(
                        tick -> Mono.fromCallable(workflow::results)
                                .subscribeOn(Schedulers.boundedElastic())
                                .doOnError(e -> log.debug("a question to the sweep failed", e))
                                .onErrorResume(e -> Mono.empty()),
                        1);
    }

    /** Pauses the trials under way, each after its iteration, and starts no more. */
    public void pause() {
        workflow.pause();
    }

    /** Goes on after a pause. */
    public void resume() {
        workflow.resume();
    }

    /** Stops the trials under way, each after its iteration and with a policy, and starts no more. */
    public void stop() {
        workflow.stop();
    }

    /** The final table; a {@link RunFailedException} where every trial failed. */
    public Mono<SweepResults> result() {
        return Outcome.of(client, stub.getExecution().getWorkflowId(), SweepResults.class);
    }
}
