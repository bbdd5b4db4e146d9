package org.openstrawberry.worker;

import io.micrometer.core.instrument.MeterRegistry;
import io.temporal.client.WorkflowClient;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerFactory;
import io.temporal.worker.WorkerFactoryOptions;
import io.temporal.worker.WorkerOptions;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;
import org.openstrawberry.activities.policy.HostSteps;
import org.openstrawberry.activities.policy.PolicyStates;
import org.openstrawberry.activities.policy.TrainerSteps;
import org.openstrawberry.activities.prompts.PromptSteps;
import org.openstrawberry.activities.ranking.RankingSteps;
import org.openstrawberry.activities.rewardmodel.RewardTrainingSteps;
import org.openstrawberry.activities.rewards.RewardSteps;
import org.openstrawberry.activities.rewards.Scorer;
import org.openstrawberry.activities.run.RunSteps;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.run.SweepSteps;
import org.openstrawberry.activities.runtime.RunEndInterceptor;
import org.openstrawberry.activities.runtime.RunListener;
import org.openstrawberry.activities.runtime.RunMeters;
import org.openstrawberry.activities.runtime.StepInterceptor;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.thoughts.EvaluationSteps;
import org.openstrawberry.activities.thoughts.ThoughtSteps;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.WorkerSpec;
import org.openstrawberry.config.WorkerSpec.Counts;
import org.openstrawberry.workflows.HyperparameterSearch;
import org.openstrawberry.workflows.OnlineDpo;
import org.openstrawberry.workflows.RewardModelTraining;
import org.openstrawberry.workflows.steps.TaskQueues;

/** The workers of one process, on one tensor thread. Every process also serves workflows and their small steps. */
public final class RunWorkers implements AutoCloseable {
    /** Kinds of work, each with its task queue. */
    public enum Role {
        THOUGHTS,
        REWARDS,
        TRAINER
    }

    /** The only process of its server: nothing is kept from anybody. */
    private static final WorkerSpec ALONE = new WorkerSpec(new Counts(64, 64, 64), new Counts(2, 2, 2));

    /** How long a process that is told to end still says so to whoever sends it a step. */
    private static final Duration FAREWELL = Duration.ofSeconds(5);

    /** Few pollers: the server gives a frozen process a task for each of its open polls, and waits for each in vain. */
    private static final WorkerOptions WORKFLOWS = WorkerOptions.newBuilder()
            .setMaxConcurrentWorkflowTaskPollers(2)
            .setMaxConcurrentActivityTaskPollers(1)
            .build();

    private final String host = TaskQueues.TRAINER + "-" + UUID.randomUUID();
    private final WorkerFactory shared;
    /** The task queue of this process alone, which is closed last. */
    private final WorkerFactory own;

    private final boolean trains;
    private final TrainerSteps trainer;
    private final RewardTrainingSteps rewardTrainer;
    private final StepInterceptor interceptor;
    private final RunMeters runMeters;

    /** Workers of all roles for a server in this process. */
    public RunWorkers(
            WorkflowClient client, MeterRegistry meters, Tensors tensors, Function<RewardSpec, Scorer> rewards) {
        this(client, Monitoring.of(meters), tensors, rewards);
    }

    /** The same, looked on at by others. */
    RunWorkers(WorkflowClient client, Monitoring monitoring, Tensors tensors, Function<RewardSpec, Scorer> rewards) {
        this(client, monitoring, tensors, rewards, EnumSet.allOf(Role.class), ALONE, Optional.empty());
    }

    /** Workers of some roles, with metrics only. */
    public RunWorkers(
            WorkflowClient client,
            MeterRegistry meters,
            Tensors tensors,
            Function<RewardSpec, Scorer> rewards,
            Set<Role> roles,
            WorkerSpec tuning,
            Optional<String> server) {
        this(client, Monitoring.of(meters), tensors, rewards, roles, tuning, server);
    }

    /**
     * Workers of some roles.
     *
     * @param tensors closed by the caller, after this
     * @param server its address, for the marks in run directories; empty where it is in this process
     */
    RunWorkers(
            WorkflowClient client,
            Monitoring monitoring,
            Tensors tensors,
            Function<RewardSpec, Scorer> rewards,
            Set<Role> roles,
            WorkerSpec tuning,
            Optional<String> server) {
        Runs runs = new Runs();
        PolicyStates states = new PolicyStates();
        Counts slots = tuning.slots();
        Counts pollers = tuning.pollers();
        trainer = new TrainerSteps(runs, tensors, states);
        // A server in this process ends with its runs, so there is nothing to ask it.
        runMeters = new RunMeters(
                monitoring.meters(),
                server.<Function<String, Optional<RunMeters.State>>>map(address -> new RunEnds(client))
                        .orElse(run -> Optional.empty()));
        RunListener listener = RunListener.all(Stream.concat(Stream.of(runMeters), monitoring.listeners().stream())
                .toList());
        rewardTrainer = new RewardTrainingSteps(tensors, listener);
        interceptor = new StepInterceptor(runMeters, monitoring.spans());
        trains = roles.contains(Role.TRAINER);
        WorkerFactoryOptions surrounded = WorkerFactoryOptions.newBuilder()
                .setWorkerInterceptors(interceptor, new RunEndInterceptor(listener))
                .build();
        shared = WorkerFactory.newInstance(client, surrounded);
        own = WorkerFactory.newInstance(client, surrounded);
        Worker workflows = shared.newWorker(TaskQueues.RUNS, WORKFLOWS);
        workflows.registerWorkflowImplementationTypes(
                OnlineDpo.class, HyperparameterSearch.class, RewardModelTraining.class);
        workflows.registerActivitiesImplementations(
                new PromptSteps(runs),
                new RankingSteps(runs),
                new RunSteps(runs, server, listener, RunReports::write),
                new SweepSteps());
        Optional<RewardSteps> scoring =
                roles.contains(Role.REWARDS) ? Optional.of(new RewardSteps(runs, rewards)) : Optional.empty();
        if (roles.contains(Role.THOUGHTS)) {
            shared.newWorker(TaskQueues.THOUGHTS, options(slots.thoughts(), pollers.thoughts()))
                    .registerActivitiesImplementations(new ThoughtSteps(runs, tensors, states, scoring, rewards));
        }
        scoring.ifPresent(steps -> shared.newWorker(TaskQueues.REWARDS, options(slots.rewards(), pollers.rewards()))
                .registerActivitiesImplementations(steps));
        if (trains) {
            HostSteps hosting = new HostSteps(host);
            WorkerOptions options = options(slots.trainer(), pollers.trainer());
            shared.newWorker(TaskQueues.TRAINER, options).registerActivitiesImplementations(hosting);
            own.newWorker(host, options)
                    .registerActivitiesImplementations(
                            hosting, trainer, rewardTrainer, new EvaluationSteps(runs, tensors, states, rewards));
        }
    }

    /** Heartbeats are sent as they come: held back for long, one that is a little late would look like a dead worker. */
    private static WorkerOptions options(int slots, int pollers) {
        return WorkerOptions.newBuilder()
                .setMaxConcurrentActivityExecutionSize(slots)
                .setMaxConcurrentActivityTaskPollers(pollers)
                .setMaxHeartbeatThrottleInterval(Duration.ofSeconds(2))
                .setAllowActivityHeartbeatDuringShutdown(true)
                .build();
    }

    /** Finishes the steps under way and takes no new ones; runs that are trained here are told to go elsewhere. */
    void drain() throws InterruptedException {
        interceptor.refuse(host);
        end(shared);
        if (trains) {
            Thread.sleep(FAREWELL.toMillis());
            end(own);
        }
    }

    private static void end(WorkerFactory factory) {
        factory.shutdown();
        factory.awaitTermination(Long.MAX_VALUE / 2, TimeUnit.MILLISECONDS);
    }

    /** Begins to ask for work. */
    public void start() {
        shared.start();
        if (trains) {
            own.start();
        }
    }

    @Override
    public void close() {
        List.of(shared, own).forEach(WorkerFactory::shutdownNow);
        List.of(shared, own).forEach(factory -> factory.awaitTermination(10, TimeUnit.SECONDS));
        trainer.close();
        rewardTrainer.close();
        interceptor.close();
        runMeters.close();
    }
}
