package org.openstrawberry.worker;

import io.micrometer.core.instrument.MeterRegistry;
import io.temporal.client.WorkflowClient;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerFactory;
import io.temporal.worker.WorkerFactoryOptions;
import io.temporal.worker.WorkerOptions;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.openstrawberry.activities.policy.HostSteps;
import org.openstrawberry.activities.policy.PolicyStates;
import org.openstrawberry.activities.policy.TrainerSteps;
import org.openstrawberry.activities.prompts.PromptSteps;
import org.openstrawberry.activities.ranking.RankingSteps;
import org.openstrawberry.activities.rewards.Reward;
import org.openstrawberry.activities.rewards.RewardSteps;
import org.openstrawberry.activities.run.RunSteps;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.run.SweepSteps;
import org.openstrawberry.activities.runtime.StepInterceptor;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.thoughts.EvaluationSteps;
import org.openstrawberry.activities.thoughts.ThoughtSteps;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.WorkerSpec;
import org.openstrawberry.config.WorkerSpec.Counts;
import org.openstrawberry.workflows.HyperparameterSearch;
import org.openstrawberry.workflows.OnlineDpo;
import org.openstrawberry.workflows.steps.TaskQueues;

/** The workers of one process, on one tensor thread. Every process also serves workflows and their small steps. */
final class RunWorkers implements AutoCloseable {
    /** Kinds of work, each with its task queue. */
    enum Role {
        THOUGHTS,
        REWARDS,
        TRAINER
    }

    /** The only process of its server: nothing is kept from anybody. */
    private static final WorkerSpec ALONE = new WorkerSpec(new Counts(64, 64, 64), new Counts(2, 2, 2));

    private final WorkerFactory factory;
    private final Tensors tensors = new Tensors();
    private final TrainerSteps trainer;
    private final StepInterceptor interceptor;

    /** Workers of all roles for a server in this process. */
    RunWorkers(WorkflowClient client, MeterRegistry meters, Function<RewardSpec, Reward> rewards) {
        this(client, meters, rewards, EnumSet.allOf(Role.class), ALONE);
    }

    RunWorkers(
            WorkflowClient client,
            MeterRegistry meters,
            Function<RewardSpec, Reward> rewards,
            Set<Role> roles,
            WorkerSpec tuning) {
        Runs runs = new Runs();
        PolicyStates states = new PolicyStates();
        Counts slots = tuning.slots();
        Counts pollers = tuning.pollers();
        trainer = new TrainerSteps(runs, tensors, states);
        interceptor = new StepInterceptor(meters);
        factory = WorkerFactory.newInstance(
                client,
                WorkerFactoryOptions.newBuilder()
                        .setWorkerInterceptors(interceptor)
                        .build());
        Worker workflows = factory.newWorker(TaskQueues.RUNS);
        workflows.registerWorkflowImplementationTypes(OnlineDpo.class, HyperparameterSearch.class);
        workflows.registerActivitiesImplementations(
                new PromptSteps(runs), new RankingSteps(runs), new RunSteps(runs), new SweepSteps());
        if (roles.contains(Role.THOUGHTS)) {
            factory.newWorker(TaskQueues.THOUGHTS, options(slots.thoughts(), pollers.thoughts()))
                    .registerActivitiesImplementations(new ThoughtSteps(runs, tensors, states));
        }
        if (roles.contains(Role.REWARDS)) {
            factory.newWorker(TaskQueues.REWARDS, options(slots.rewards(), pollers.rewards()))
                    .registerActivitiesImplementations(new RewardSteps(runs, rewards));
        }
        if (roles.contains(Role.TRAINER)) {
            String own = TaskQueues.TRAINER + "-" + UUID.randomUUID();
            HostSteps host = new HostSteps(own);
            WorkerOptions options = options(slots.trainer(), pollers.trainer());
            factory.newWorker(TaskQueues.TRAINER, options).registerActivitiesImplementations(host);
            factory.newWorker(own, options)
                    .registerActivitiesImplementations(
                            host, trainer, new EvaluationSteps(runs, tensors, states, rewards));
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

    /** Finishes the steps under way, takes no new ones. */
    void drain() {
        factory.shutdown();
        factory.awaitTermination(Long.MAX_VALUE / 2, TimeUnit.MILLISECONDS);
    }

    void start() {
        factory.start();
    }

    @Override
    public void close() {
        factory.shutdownNow();
        factory.awaitTermination(10, TimeUnit.SECONDS);
        trainer.close();
        tensors.close();
        interceptor.close();
    }
}
