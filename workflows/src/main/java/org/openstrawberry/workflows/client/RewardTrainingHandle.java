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
import org.openstrawberry.workflows.Progress;
import org.openstrawberry.workflows.RewardTrainingWorkflow;
import org.openstrawberry.workflows.RunAttributes;
import org.openstrawberry.workflows.steps.RewardTrainingActivities.Exported;
import org.openstrawberry.workflows.steps.TaskQueues;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** The training of one reward model on a Temporal server: watch it, pause it, wait for its result. */
public final class RewardTrainingHandle {
    private static final Logger log = LoggerFactory.getLogger(RewardTrainingHandle.class);

    /** By which Temporal knows such workflows. */
    static final String TYPE = "RewardTrainingWorkflow";

    private final WorkflowClient client;
    private final WorkflowStub stub;
    private final RewardTrainingWorkflow workflow;

    private RewardTrainingHandle(WorkflowClient client, String id) {
        this.client = client;
        this.stub = client.newUntypedWorkflowStub(id);
        this.workflow = client.newWorkflowStub(RewardTrainingWorkflow.class, id);
    }

    /**
     * Starts a training, or goes on with one that is no longer running, from its directory.
     *
     * @param runDirectory absolute path, prepared
     * @throws WorkflowExecutionAlreadyStarted if a workflow of that id is running
     */
    public static RewardTrainingHandle start(WorkflowClient client, String id, String runDirectory) {
        RewardTrainingWorkflow workflow = client.newWorkflowStub(
                RewardTrainingWorkflow.class,
                WorkflowOptions.newBuilder()
                        .setWorkflowId(id)
                        .setTaskQueue(TaskQueues.RUNS)
                        .setStaticSummary("reward model: " + id)
                        .setStaticDetails("Run directory: `" + runDirectory + "`")
                        .setMemo(RunAttributes.memo(runDirectory))
                        .setTypedSearchAttributes(SearchAttributes.newBuilder()
                                .set(RunAttributes.TASK, id)
                                .build())
                        .build());
        Starts.start(() -> WorkflowClient.start(workflow::train, runDirectory));
        return new RewardTrainingHandle(client, id);
    }

    /**
     * The training of that id, if it is running.
     *
     * @throws InvalidInputException if what runs under that id is no training of a reward model
     */
    public static Optional<RewardTrainingHandle> running(WorkflowClient client, String id) {
        RewardTrainingHandle training = new RewardTrainingHandle(client, id);
        try {
            WorkflowExecutionDescription execution = training.stub.describe();
            if (execution.getCloseTime() != null) {
                return Optional.empty();
            }
            if (!execution.getWorkflowType().equals(TYPE)) {
                throw new InvalidInputException(
                        id + ": is running, and is no training of a reward model; expected another --run-dir");
            }
            return Optional.of(training);
        } catch (WorkflowNotFoundException e) {
            return Optional.empty();
        }
    }

    /** What the training is doing, asked again and again; a question that fails is left out. Cold, endless. */
    public Flux<Progress> progress(Duration every) {
        return Flux.interval(Duration.ZERO, every)
                .onBackpressureDrop()
                .concatMap(
                        tick -> Mono.fromCallable(workflow::progress)
                                .subscribeOn(Schedulers.boundedElastic())
                                .doOnError(e -> log.debug("a question to the training failed", e))
                                .onErrorResume(e -> Mono.empty()),
                        1);
    }

    /** Pauses after the checkpoint that is under way. */
    public void pause() {
        workflow.pause();
    }

    /** Ends after the checkpoint that is under way, with the model as it is then. */
    public void stop() {
        workflow.stop();
    }

    /** What came out; a {@link RunFailedException} where the training failed. */
    public Mono<Exported> result() {
        return Outcome.of(client, stub.getExecution().getWorkflowId(), Exported.class);
    }
}
