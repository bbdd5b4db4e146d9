package org.openstrawberry.workflows;

import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.ContinueAsNewOptions;
import io.temporal.workflow.Promise;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.openstrawberry.config.Adjustment;
import org.openstrawberry.config.HealthSpec.Action;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.ReferenceSpec;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.Health.Diagnosis;
import org.openstrawberry.workflows.Progress.State;
import org.openstrawberry.workflows.TrainingInput.Carried;
import org.openstrawberry.workflows.TrainingState.HeldOut;
import org.openstrawberry.workflows.steps.Evaluation;
import org.openstrawberry.workflows.steps.Pairs;
import org.openstrawberry.workflows.steps.PromptActivities.PromptRequest;
import org.openstrawberry.workflows.steps.PromptBatch;
import org.openstrawberry.workflows.steps.RankingActivities.RankingRequest;
import org.openstrawberry.workflows.steps.RewardActivities.ScoreRequest;
import org.openstrawberry.workflows.steps.RunRef;
import org.openstrawberry.workflows.steps.Scores;
import org.openstrawberry.workflows.steps.Step;
import org.openstrawberry.workflows.steps.ThoughtActivities.ThoughtRequest;
import org.openstrawberry.workflows.steps.Thoughts;
import org.openstrawberry.workflows.steps.TrainerActivities.Export;
import org.openstrawberry.workflows.steps.TrainerActivities.StepRequest;

/**
 * Online direct preference optimisation as a durable workflow. {@link #train} is the algorithm, step by step; the
 * numbers are those of {@code docs/algorithm.md}.
 */
public final class OnlineDpo implements TrainingWorkflow {
    static final String GENERATE = "generate";

    /** Why a run ended that was told to stop. */
    static final String STOPPED = "stopped by request";

    /** Rows that queries can still see; older ones are in the run directory. */
    private static final int KEPT_ROWS = 200;

    private static final int CARRIED_ROWS = 20;

    /** A longer history slows each replay down; the server's own limit is some 50,000 events. */
    private static final int LONGEST_HISTORY = 8_000;

    private RunSpec spec;
    private final RunRef run;
    private final TrainerHost trainer;
    private final Optional<Integer> upTo;
    private final PhaseClock clock = new PhaseClock(Workflow::currentTimeMillis);
    private final List<IterationMetrics> rows = new ArrayList<>();
    private TrainingState state = TrainingState.fresh();
    private Optional<String> reason = Optional.empty();
    private Map<String, Object> adjustments = Map.of();
    private Optional<Thinking> ahead = Optional.empty();
    private boolean pauseAsked;
    private boolean paused;
    private boolean stopAsked;
    private boolean done;
    private boolean failed;

    /** @param input the same that {@link #train} gets */
    @WorkflowInit
    public OnlineDpo(TrainingInput input) {
        spec = input.spec();
        String id = Workflow.getInfo().getWorkflowId();
        run = new RunRef(id, input.directoryOf(id));
        trainer = new TrainerHost(run, input.carried().flatMap(Carried::trainer));
        upTo = input.upTo();
        input.carried().ifPresent(carried -> {
            restore(carried.state());
            rows.addAll(carried.recent());
            pauseAsked = carried.paused();
        });
    }

    @Override
    public RunResult train(TrainingInput input) {
        try {
            return optimize(input);
        } catch (TemporalFailure e) {
            failed = true;
            reason = Optional.of(Failures.reason(e));
            enter(CancellationScope.current().isCancelRequested() ? "canceled" : "failed");
            throw e;
        }
    }

    private RunResult optimize(TrainingInput input) {
        if (input.carried().isEmpty()) {
            restore(Steps.log().open(run, spec));
        }
        warmUp();
        measureBase();
        reason = reasonToStop(state);
        while (reason.isEmpty()) {
            int iteration = state.iteration() + 1;
            thinkAhead(iteration); // only where the iteration before has not begun it
            takeUpAdjustments();
            Thinking thinking = think(iteration); // 1, 2
            List<Scores> scores = scores(thinking); // 3
            Pairs pairs = rankAndPair(thinking.prompts(), scores); // 4, 5, 6
            thinkAhead(iteration + 1); // while the step runs
            Step step = dpoStep(pairs); // 7, 8, 9, 10, 11
            refreshReferenceWhenDue(iteration); // 12
            finishIteration(scores, pairs, step);
        }
        return finish();
    }

    private PromptBatch samplePrompts(int iteration) {
        clock.enter("sample");
        return Steps.prompts()
                .samplePrompts(new PromptRequest(run, iteration, spec.sampling().prompts()));
    }

    /** The thoughts of an iteration under way, by shard, each with the scores that follow. */
    private record Thinking(PromptBatch prompts, List<Promise<Thoughts>> thoughts, List<Promise<Scores>> scores) {}

    /** With {@code sampling.ahead}, begins an iteration's thoughts before their turn, by the settings of now. */
    private void thinkAhead(int iteration) {
        if (spec.sampling().ahead() > 0 && ahead.isEmpty() && mayCome(iteration)) {
            ahead = Optional.of(thinkInShards(samplePrompts(iteration)));
        }
    }

    private boolean mayCome(int iteration) {
        boolean next = iteration == state.iteration() + 1;
        int last = Math.min(spec.until().iterations(), upTo.orElse(Integer.MAX_VALUE));
        return next || (iteration <= last && !stopAsked);
    }

    private Thinking think(int iteration) {
        Optional<Thinking> begun = ahead;
        ahead = Optional.empty();
        PromptBatch prompts = begun.map(Thinking::prompts).orElseGet(() -> samplePrompts(iteration));
        enter(GENERATE);
        Thinking thinking = begun.orElseGet(() -> thinkInShards(prompts));
        Promise.allOf(thinking.thoughts()).get();
        return thinking;
    }

    /** Waits for thoughts that were begun ahead, so that they are whole and scored for whoever goes on with the run. */
    private void awaitAhead() {
        ahead.ifPresent(begun -> Workflow.await(() -> begun.scores().stream().allMatch(Promise::isCompleted)));
    }

    /** A shard is scored as soon as it is generated, whatever the others do. */
    private Thinking thinkInShards(PromptBatch prompts) {
        int shards = spec.sampling().shards();
        List<Promise<Thoughts>> thoughts = IntStream.range(0, shards)
                .mapToObj(shard -> Async.function(
                        Steps.thoughts(shardSummary(prompts, "thoughts", shard))::generate,
                        new ThoughtRequest(run, prompts, shard, spec.sampling(), state.parent())))
                .toList();
        List<Promise<Scores>> scores = thoughts.stream()
                .map(shard -> shard.thenCompose(generated -> score(prompts, generated)))
                .toList();
        return new Thinking(prompts, thoughts, scores);
    }

    /** A step of its own, unless whoever generated the shard has scored it at once. */
    private Promise<Scores> score(PromptBatch prompts, Thoughts shard) {
        return shard.scored()
                .map(scored -> Workflow.newPromise(Scores.of(shard, scored)))
                .orElseGet(() -> Async.function(
                        Steps.rewards(shardSummary(prompts, "scores", shard.shard()))::score,
                        new ScoreRequest(run, prompts, shard, spec.reward())));
    }

    private List<Scores> scores(Thinking thinking) {
        clock.enter("score");
        return thinking.scores().stream().map(Promise::get).toList();
    }

    private Pairs rankAndPair(PromptBatch prompts, List<Scores> scores) {
        clock.enter("pair");
        return Steps.ranking()
                .rankAndPair(new RankingRequest(
                        run, prompts, scores, spec.pairs(), spec.reward().quorum()));
    }

    private Step dpoStep(Pairs pairs) {
        enter("step");
        StepRequest request = new StepRequest(
                run,
                pairs,
                spec.dpo(),
                spec.optimizer(),
                spec.until().iterations(),
                refreshDue(pairs.iteration()),
                state.adjusted(),
                state.parent());
        return trainer.call(summary(pairs.iteration(), "DPO step"), host -> host.dpoStep(request));
    }

    private void refreshReferenceWhenDue(int iteration) {
        refreshDue(iteration).ifPresent(refresh -> refreshReference(iteration, refresh));
    }

    private void refreshReference(int iteration, ReferenceSpec refresh) {
        clock.enter("refresh");
        trainer.run(summary(iteration, "reference"), host -> host.refreshReference(run, iteration, refresh));
    }

    private Optional<ReferenceSpec> refreshDue(int iteration) {
        return spec.reference().due(iteration) ? Optional.of(spec.reference()) : Optional.empty();
    }

    /** Decides whether the run goes on, evaluates and checkpoints where due, and only then counts the iteration. */
    private void finishIteration(List<Scores> scores, Pairs pairs, Step step) {
        int iteration = step.iteration();
        Diagnosis health = Health.diagnose(
                spec.health(), state, MetricsRow.of(spec, scores, pairs, step, Optional.empty(), Map.of()));
        TrainingState trained = state.after(step).spending(clock.elapsed()).showing(health.vitals());
        reason = reasonToStop(trained).or(() -> health.reasonToStop(spec.health()));
        boolean evaluationDue = isDue(spec.evaluation().every(), iteration) || reason.isPresent();
        Optional<Evaluation> evaluation = evaluationDue ? evaluate(iteration) : Optional.empty();
        TrainingState measured = evaluation.map(trained::after).orElse(trained);
        TrainingState evaluated = health.action() == Action.ROLLBACK ? measured.rolledBack(state) : measured;
        reason = reason.or(() -> Convergence.reason(spec.until(), evaluated));
        boolean best = evaluation.isPresent() && evaluated.bestIteration() == iteration;
        // Not at an evaluation that is there because the run ends: a run that is extended goes on as a longer one
        // would.
        if (best && spec.reference().atBest() && isDue(spec.evaluation().every(), iteration)) {
            refreshReference(iteration, spec.reference());
        }
        if (isDue(spec.checkpoints().every(), iteration) || best || reason.isPresent()) {
            clock.enter("checkpoint");
            checkpoint(evaluated);
        }
        double before = trained.seconds() - state.seconds();
        IterationMetrics row = MetricsRow.of(spec, scores, pairs, step, evaluation, clock.take())
                .with(health.warnings());
        state = evaluated.spending(row.values().getOrDefault("time/iteration", before) - before);
        log(row);
        if (reason.isEmpty()) {
            pauseAsked |= health.pauses();
            holdWhilePaused();
            continueAsNewWhenLong();
        }
    }

    private Optional<String> reasonToStop(TrainingState reached) {
        return Convergence.reason(spec.until(), reached)
                .or(() -> upTo.filter(end -> reached.iteration() >= end)
                        .map(end -> "iteration " + reached.iteration() + " is as far as it was asked to go"))
                .or(() -> stopAsked ? Optional.of(STOPPED) : Optional.empty());
    }

    private void restore(TrainingState known) {
        state = known.expecting(Map.of());
        adjustments = known.expected().orElse(Map.of());
        if (!known.adjusted().isEmpty()) {
            spec = Adjustment.apply(spec, known.adjusted());
        }
    }

    private void takeUpAdjustments() {
        if (!adjustments.isEmpty()) {
            Map<String, Object> changes = adjustments;
            adjustments = Map.of();
            Steps.log().adjust(run, state.iteration() + 1, changes);
            spec = Adjustment.apply(spec, changes);
            state = state.adjusting(changes);
        }
    }

    private void warmUp() {
        int steps = warmUpSteps();
        while (state.warmUpSteps() < steps) {
            holdWhilePaused();
            enter("warm-up");
            int done = state.warmUpSteps();
            state = state.withWarmUpSteps(trainer.call("warm-up from step " + done, host -> host.warmUp(run, done))
                    .step());
        }
        trainer.run("first checkpoint", host -> host.initialize(run));
    }

    private void measureBase() {
        if (state.iteration() == 0) {
            Optional<Evaluation> evaluation = evaluate(0);
            state = evaluation.map(state::after).orElse(state);
            log(MetricsRow.base(evaluation));
            holdWhilePaused();
        }
        clock.take();
    }

    private Optional<Evaluation> evaluate(int iteration) {
        if (!spec.data().holdsOut()) {
            return Optional.empty();
        }
        enter("evaluate");
        return Optional.of(trainer.evaluate(summary(iteration, "held-out prompts"), iteration, spec.evaluation()));
    }

    private RunResult finish() {
        awaitAhead();
        clock.enter("export");
        int last = state.iteration();
        int standing = state.standsAt();
        Export export = trainer.call(summary(last, "policy"), host -> host.export(run, standing));
        RunResult result = new RunResult(last, reason.orElseThrow(), export.path(), export.sha256());
        Steps.log().finish(run, result);
        Workflow.await(Workflow::isEveryHandlerFinished);
        enter("done");
        done = true;
        return result;
    }

    /** A paused run has a checkpoint behind it, so that its process can be ended without losing a step. */
    private void holdWhilePaused() {
        if (!pauseAsked || stopAsked) {
            return;
        }
        if (state.iteration() > 0) {
            checkpoint(state);
        }
        awaitAhead();
        enter("paused");
        paused = true;
        Workflow.await(() -> !pauseAsked || stopAsked);
        paused = false;
        clock.take();
    }

    private void continueAsNewWhenLong() {
        if (Workflow.getInfo().getHistoryLength() > LONGEST_HISTORY
                || Workflow.getInfo().isContinueAsNewSuggested()) {
            awaitAhead(); // they are artifacts then, and found by who asks for them again
            Workflow.await(Workflow::isEveryHandlerFinished);
            List<IterationMetrics> recent = rows.subList(Math.max(0, rows.size() - CARRIED_ROWS), rows.size());
            Carried carried =
                    new Carried(state.expecting(adjustments), List.copyOf(recent), pauseAsked, trainer.queue());
            // The memo, unlike the search attributes, doesn't carry itself over.
            ContinueAsNewOptions memo = ContinueAsNewOptions.newBuilder()
                    .setMemo(RunAttributes.memo(run.directory()))
                    .build();
            Workflow.continueAsNew(memo, new TrainingInput(spec, run.directory(), upTo, Optional.of(carried)));
        }
    }

    @Override
    public void pause() {
        pauseAsked = true;
    }

    @Override
    public void resume() {
        pauseAsked = false;
    }

    @Override
    public void stop() {
        stopAsked = true;
    }

    @Override
    public RunSpec adjust(Map<String, Object> changes) {
        Map<String, Object> all = new TreeMap<>(adjustments);
        all.putAll(changes);
        adjustments = all;
        return Adjustment.apply(spec, all);
    }

    @Override
    public void validateAdjust(Map<String, Object> changes) {
        Map<String, Object> all = new TreeMap<>(adjustments);
        all.putAll(changes);
        Adjustment.apply(spec, all);
        if (done || reason.isPresent()) {
            throw new InvalidInputException("adjust: the run is ending; there is no next iteration");
        }
    }

    @Override
    public Progress progress() {
        return new Progress(
                publicState(),
                clock.phase(),
                state.warmUpSteps(),
                warmUpSteps(),
                state.iteration(),
                spec.until().iterations(),
                rows.isEmpty() ? Optional.empty() : Optional.of(rows.get(rows.size() - 1)),
                state.heldOut().map(HeldOut::value),
                secondsLeft(),
                reason);
    }

    @Override
    public List<IterationMetrics> history(int after) {
        return rows.stream().filter(row -> row.iteration() > after).toList();
    }

    @Override
    public RunSpec spec() {
        return spec;
    }

    private State publicState() {
        if (done) {
            return State.DONE;
        }
        if (failed) {
            return State.FAILED;
        }
        if (stopAsked) {
            return State.STOPPING;
        }
        if (paused) {
            return State.PAUSED;
        }
        return pauseAsked ? State.PAUSING : State.RUNNING;
    }

    /** By the pace of the last ten iterations. */
    private Optional<Double> secondsLeft() {
        return rows.stream()
                .skip(Math.max(0, rows.size() - 10))
                .flatMap(row -> row.value("time/iteration").stream())
                .mapToDouble(Double::doubleValue)
                .average()
                .stream()
                .mapToObj(pace -> pace * (spec.until().iterations() - state.iteration()))
                .findFirst();
    }

    /** A phase that is long enough to be asked for. */
    private void enter(String phase) {
        clock.enter(phase);
        Workflow.upsertTypedSearchAttributes(RunAttributes.PHASE.valueSet(phase));
    }

    private void log(IterationMetrics row) {
        Steps.log().record(run, row, state);
        rows.add(row);
        Workflow.upsertTypedSearchAttributes(RunAttributes.of(row, state));
        Workflow.setCurrentDetails(Details.markdown(rows, run));
        if (rows.size() > KEPT_ROWS) {
            rows.remove(0);
        }
    }

    private int warmUpSteps() {
        return spec.warmup().map(warmup -> warmup.steps()).orElse(0);
    }

    private static boolean isDue(int every, int iteration) {
        return every > 0 && iteration % every == 0;
    }

    private String shardSummary(PromptBatch prompts, String what, int shard) {
        return summary(
                prompts.iteration(),
                what + " " + (shard + 1) + "/" + spec.sampling().shards());
    }

    private static String summary(int iteration, String what) {
        return "iteration " + iteration + " · " + what;
    }

    /** A run that was rolled back stands at the best iteration, which has a checkpoint. */
    private void checkpoint(TrainingState at) {
        if (at.parent().isPresent()) {
            return;
        }
        int iteration = at.iteration();
        trainer.run(summary(iteration, "checkpoint"), host -> host.checkpoint(run, iteration, at.bestIteration()));
    }
}
