package org.openstrawberry.workflows.client;

import io.grpc.StatusRuntimeException;
import io.temporal.api.common.v1.Payloads;
import io.temporal.api.enums.v1.WorkflowExecutionStatus;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowNotFoundException;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.client.WorkflowUpdateException;
import io.temporal.common.SearchAttributes;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.Failures;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.Progress;
import org.openstrawberry.workflows.RunAttributes;
import org.openstrawberry.workflows.RunResult;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.TrainingWorkflow;
import org.openstrawberry.workflows.steps.TaskQueues;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** One run on a Temporal server: watch it, steer it, wait for its result. */
public final class RunHandle {
    private static final Logger log = LoggerFactory.getLogger(RunHandle.class);

    static final String TYPE = "TrainingWorkflow";

    private final WorkflowClient client;
    private final WorkflowStub stub;
    private final TrainingWorkflow workflow;

    private RunHandle(WorkflowClient client, String id) {
        this.client = client;
        this.stub = client.newUntypedWorkflowStub(id);
        this.workflow = client.newWorkflowStub(TrainingWorkflow.class, id);
    }

    /**
     * Starts a run, or goes on with one that is no longer running, from its directory.
     *
     * @param id the run's id
     * @throws WorkflowExecutionAlreadyStarted if a workflow of that id is running
     */
    public static RunHandle start(WorkflowClient client, String id, TrainingInput input) {
        TrainingWorkflow workflow = client.newWorkflowStub(TrainingWorkflow.class, options(id, input));
        Starts.start(() -> WorkflowClient.start(workflow::train, input));
        return new RunHandle(client, id);
    }

    /** What every run is started with, by whomever. */
    static WorkflowOptions options(String id, TrainingInput input) {
        return WorkflowOptions.newBuilder()
                .setWorkflowId(id)
                .setTaskQueue(TaskQueues.RUNS)
                .setStaticSummary("online DPO: " + input.spec().name())
                .setStaticDetails("Run directory: `" + input.runDirectory() + "`")
                .setMemo(RunAttributes.memo(input.runDirectory()))
                .setTypedSearchAttributes(SearchAttributes.newBuilder()
                        .set(RunAttributes.TASK, input.spec().name())
                        .build())
                .build();
    }

    /** A run that was started before, by whomever. */
    public static RunHandle attach(WorkflowClient client, String id) {
        return new RunHandle(client, id);
    }

    /**
     * What the run is doing now.
     *
     * @throws InvalidInputException if there is no such run
     */
    public Progress progress() {
        try {
            return workflow.progress();
        } catch (WorkflowNotFoundException e) {
            throw new InvalidInputException(id() + ": no such run on this server", e);
        }
    }

    /** What the run is doing, asked again and again; a question that fails is left out. Cold, endless. */
    public Flux<Progress> progress(Duration every) {
        return Flux.interval(Duration.ZERO, every).onBackpressureDrop().concatMap(tick -> asked(workflow::progress), 1);
    }

    /** The rows of iterations after the given one; empty where the question fails, to be asked again. */
    public Mono<List<IterationMetrics>> historyAfter(int iteration) {
        return asked(() -> workflow.history(iteration));
    }

    /** A server that is down for a while, or a run between two executions, is no reason to look away. */
    private static <T> Mono<T> asked(Callable<T> question) {
        return Mono.fromCallable(question)
                .subscribeOn(Schedulers.boundedElastic())
                .doOnError(e -> log.debug("a question to the run failed", e))
                .onErrorResume(e -> Mono.empty());
    }

    /** The rows of iterations after the given one. */
    public List<IterationMetrics> history(int after) {
        return workflow.history(after);
    }

    /** Finishes the iteration under way, checkpoints and waits. */
    public void pause() {
        workflow.pause();
    }

    /** Goes on after a pause. */
    public void resume() {
        workflow.resume();
    }

    /** Finishes the iteration under way, exports the policy and ends. */
    public void stop() {
        workflow.stop();
    }

    /**
     * Ends the run at once, in the middle of a step. What is finished stays; {@link #restart} goes on from there.
     *
     * @throws InvalidInputException if the run has ended
     */
    public void stopNow() {
        if (stub.describe().getStatus() != WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING) {
            throw new InvalidInputException(id() + ": has ended; expected a run that is running");
        }
        stub.cancel();
    }

    /**
     * Starts a run again that has ended, with the settings that it was started with; it goes on from its directory.
     *
     * @throws InvalidInputException if the server has no such run
     */
    public RunHandle restart() {
        TrainingInput first = input();
        return start(client, id(), TrainingInput.start(first.spec(), first.runDirectory()));
    }

    /**
     * Where the run lives, as its workers see it.
     *
     * @throws InvalidInputException if the server has no such run
     */
    public String directory() {
        return input().directoryOf(id());
    }

    /**
     * Whether it is the training of a reward model, which some of the same signals and questions steer.
     *
     * @throws WorkflowNotFoundException if nothing of that id is known
     */
    public boolean trainsRewardModel() {
        return stub.describe().getWorkflowType().equals(RewardTrainingHandle.TYPE);
    }

    /**
     * Whether it is a run at all: other workflows live on the same server.
     *
     * @throws WorkflowNotFoundException if nothing of that id is known
     */
    public boolean isRun() {
        return stub.describe().getWorkflowType().equals(TYPE);
    }

    /**
     * Names what was started under the run's id last: the same as long as the run continues itself, another one when it was
     * started again.
     *
     * @throws WorkflowNotFoundException if nothing of that id is known
     */
    public String execution() {
        return stub.describe().getFirstRunId();
    }

    private String id() {
        return stub.getExecution().getWorkflowId();
    }

    private TrainingInput input() {
        try {
            Payloads input = client.fetchHistory(id())
                    .getEvents()
                    .get(0)
                    .getWorkflowExecutionStartedEventAttributes()
                    .getInput();
            return client.getOptions()
                    .getDataConverter()
                    .fromPayloads(0, Optional.of(input), TrainingInput.class, TrainingInput.class);
        } catch (StatusRuntimeException e) {
            throw new InvalidInputException(id() + ": no such run on this server", e);
        }
    }

    /**
     * Changes settings from the next iteration on.
     *
     * @param changes dotted key to value
     * @return the settings that the run goes by from then on
     * @throws InvalidInputException if one of them can't be; then none is changed
     */
    public RunSpec adjust(Map<String, Object> changes) {
        try {
            return workflow.adjust(changes);
        } catch (WorkflowUpdateException e) {
            throw new InvalidInputException(Failures.reason(e), e);
        }
    }

    /** The settings that the run goes by. */
    public RunSpec spec() {
        return workflow.spec();
    }

    /** How the run ended; a {@link RunFailedException} where it failed. */
    public Mono<RunResult> result() {
        return Outcome.of(client, id(), RunResult.class);
    }
}
