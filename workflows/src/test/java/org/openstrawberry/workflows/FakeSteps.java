package org.openstrawberry.workflows;

import io.temporal.activity.Activity;
import io.temporal.failure.ApplicationFailure;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.worker.Worker;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.IntToDoubleFunction;
import org.openstrawberry.config.EvaluationSpec;
import org.openstrawberry.config.ReferenceSpec;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.Evaluation;
import org.openstrawberry.workflows.steps.EvaluationActivities;
import org.openstrawberry.workflows.steps.HostActivities;
import org.openstrawberry.workflows.steps.Pairs;
import org.openstrawberry.workflows.steps.PromptActivities;
import org.openstrawberry.workflows.steps.PromptBatch;
import org.openstrawberry.workflows.steps.RankingActivities;
import org.openstrawberry.workflows.steps.RewardActivities;
import org.openstrawberry.workflows.steps.RunActivities;
import org.openstrawberry.workflows.steps.RunRef;
import org.openstrawberry.workflows.steps.Scores;
import org.openstrawberry.workflows.steps.Step;
import org.openstrawberry.workflows.steps.SweepActivities;
import org.openstrawberry.workflows.steps.TaskQueues;
import org.openstrawberry.workflows.steps.ThoughtActivities;
import org.openstrawberry.workflows.steps.Thoughts;
import org.openstrawberry.workflows.steps.TrainerActivities;

/** Steps that do nothing but note that they were called, and fail or act when told to. */
final class FakeSteps
        implements PromptActivities,
                ThoughtActivities,
                RewardActivities,
                RankingActivities,
                TrainerActivities,
                EvaluationActivities,
                RunActivities,
                SweepActivities,
                HostActivities {
    private static final String HOST = "trainer-1";
    private static final ArtifactRef FILE = new ArtifactRef("file", 1, "sha");

    private final ConcurrentLinkedQueue<String> calls = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<String> callsByRun = new ConcurrentLinkedQueue<>();
    private final Map<String, TrainingState> states = new ConcurrentHashMap<>();
    private volatile IntToDoubleFunction heldOut = iteration -> 0.5;
    private volatile IntToDoubleFunction kl = iteration -> 0;
    private volatile Optional<Thoughts.Scored> scored = Optional.empty();
    private final Map<Integer, Integer> parents = new ConcurrentHashMap<>();
    private final Map<String, RunResult> ended = new ConcurrentHashMap<>();
    private final ConcurrentLinkedQueue<Double> betas = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<String> temperatures = new ConcurrentLinkedQueue<>();
    private final Set<String> runIds = ConcurrentHashMap.newKeySet();
    private final Set<String> failing = ConcurrentHashMap.newKeySet();
    private final Set<String> failingOnce = ConcurrentHashMap.newKeySet();
    private final ConcurrentLinkedQueue<String> hosts = new ConcurrentLinkedQueue<>();
    private final Map<String, Runnable> acts = new ConcurrentHashMap<>();

    /** Each role's steps on the role's queue only, so that a step sent to another would never run. */
    void register(TestWorkflowEnvironment temporal) {
        RunAttributes.types().forEach(temporal::registerSearchAttribute);
        Worker runs = temporal.newWorker(TaskQueues.RUNS);
        runs.registerWorkflowImplementationTypes(OnlineDpo.class, HyperparameterSearch.class);
        runs.registerActivitiesImplementations(this);
        for (String queue : List.of(TaskQueues.THOUGHTS, TaskQueues.REWARDS, TaskQueues.TRAINER, HOST)) {
            temporal.newWorker(queue).registerActivitiesImplementations(this);
        }
    }

    /** From now on shards come with scores. */
    void scoreAtOnce(double mean) {
        scored = Optional.of(new Thoughts.Scored(FILE, 8, 0, 8 * mean));
    }

    List<String> calls() {
        return List.copyOf(calls);
    }

    /** Beta of each step. */
    List<Double> betas() {
        return List.copyOf(betas);
    }

    /** Iteration, shard and temperature of what was generated. */
    List<String> temperatures() {
        return List.copyOf(temperatures);
    }

    Set<String> runIds() {
        return runIds;
    }

    /** The next lease names a process that is dead. */
    void leaseTo(String deadHost) {
        hosts.add(deadHost);
    }

    /** What evaluations find, by iteration. */
    void heldOut(IntToDoubleFunction results) {
        heldOut = results;
    }

    /** What steps find of the policy's distance, by iteration. */
    void kl(IntToDoubleFunction results) {
        kl = results;
    }

    /** By iteration, the one whose state its step started from, where that is not the one before. */
    Map<Integer, Integer> parents() {
        return parents;
    }

    void failOnce(String call) {
        failingOnce.add(call);
    }

    void failAlways(String call) {
        failing.add(call);
    }

    /** Does something while the call is under way. */
    void during(String call, Runnable act) {
        acts.put(call, act);
    }

    /** Like {@link #calls}, each with its run's id before it. */
    List<String> callsByRun() {
        return List.copyOf(callsByRun);
    }

    private void note(RunRef run, String call) {
        String byRun = run.id() + " " + call;
        callsByRun.add(byRun);
        perform(call);
        act(byRun);
    }

    private void perform(String call) {
        calls.add(call);
        runIds.add(Activity.getExecutionContext().getInfo().getRunId());
        act(call);
    }

    private void act(String call) {
        Runnable act = acts.remove(call);
        if (act != null) {
            act.run();
        }
        if (failing.contains(call) || failingOnce.remove(call)) {
            // Tried again as often as ever, but at once.
            throw ApplicationFailure.newBuilder()
                    .setMessage(call + " does not work")
                    .setType(IllegalStateException.class.getName())
                    .setNextRetryDelay(Duration.ofMillis(1))
                    .build();
        }
    }

    @Override
    public String lease(RunRef run) {
        return hosts.isEmpty() ? HOST : hosts.remove();
    }

    @Override
    public void ping() {}

    @Override
    public TrainingState open(RunRef run, RunSpec spec) {
        note(run, "open");
        return states.getOrDefault(run.id(), TrainingState.fresh());
    }

    @Override
    public PromptBatch samplePrompts(PromptRequest request) {
        note(request.run(), "sample " + request.iteration());
        return new PromptBatch(request.iteration(), FILE, request.prompts());
    }

    @Override
    public Thoughts generate(ThoughtRequest request) {
        int iteration = request.prompts().iteration();
        temperatures.add(
                iteration + "/" + request.shard() + " " + request.sampling().temperature());
        note(request.run(), "generate " + iteration + "/" + request.shard());
        return new Thoughts(iteration, request.shard(), FILE, 8, 64, 8, 0, scored);
    }

    @Override
    public Scores score(ScoreRequest request) {
        note(
                request.run(),
                "score " + request.thoughts().iteration() + "/"
                        + request.thoughts().shard());
        return new Scores(request.thoughts().iteration(), request.thoughts(), FILE, 8, 0, 4);
    }

    @Override
    public Pairs rankAndPair(RankingRequest request) {
        note(request.run(), "pair " + request.prompts().iteration());
        return new Pairs(request.prompts().iteration(), FILE, 2, 0, 0, 0, 0, 0, 0, Optional.empty());
    }

    @Override
    public WarmUp warmUp(RunRef run, int step) {
        note(run, "warm-up " + step);
        return new WarmUp(step + 100, 1);
    }

    @Override
    public void initialize(RunRef run) {
        note(run, "initialize");
    }

    @Override
    public Step dpoStep(StepRequest request) {
        note(request.run(), "step " + request.pairs().iteration());
        betas.add(request.dpo().beta());
        request.parent().ifPresent(parent -> parents.put(request.pairs().iteration(), parent));
        double found = kl.applyAsDouble(request.pairs().iteration());
        return new Step(
                request.pairs().iteration(),
                FILE,
                true,
                Map.of("loss", 0.7, "objective/kl", found),
                Optional.empty(),
                0);
    }

    @Override
    public void refreshReference(RunRef run, int iteration, ReferenceSpec reference) {
        note(run, "refresh " + iteration);
    }

    @Override
    public void checkpoint(RunRef run, int iteration, int bestIteration) {
        note(run, "checkpoint " + iteration);
    }

    @Override
    public Export export(RunRef run, int iteration) {
        note(run, "export " + iteration);
        return new Export("policy", "sha");
    }

    @Override
    public Evaluation evaluate(RunRef run, int iteration, EvaluationSpec evaluation) {
        note(run, "evaluate " + iteration);
        double result = heldOut.applyAsDouble(iteration);
        return new Evaluation(iteration, FILE, result, Map.of("eval/accuracy", result), 0);
    }

    @Override
    public void adjust(RunRef run, int iteration, Map<String, Object> changes) {
        note(run, "adjust " + iteration + " " + changes);
    }

    @Override
    public void record(RunRef run, IterationMetrics metrics, TrainingState state) {
        note(run, "record " + metrics.iteration());
        states.put(run.id(), state);
    }

    @Override
    public void finish(RunRef run, RunResult result) {
        note(run, "finish");
        ended.put(run.directory(), result);
    }

    /** A trial is as good as its beta is high. */
    @Override
    public TrialStanding standing(StandingRequest request) {
        return Optional.ofNullable(ended.get(request.directory()))
                .map(result -> new TrialStanding(
                        result.iteration() >= request.iterations(),
                        result.iteration(),
                        Optional.of(request.spec().dpo().beta())))
                .orElse(new TrialStanding(false, 0, Optional.empty()));
    }

    @Override
    public void recordResults(String directory, SweepResults results) {
        perform("results "
                + results.trials().stream()
                        .filter(trial -> trial.state() == SweepResults.State.DONE)
                        .count());
    }
}
