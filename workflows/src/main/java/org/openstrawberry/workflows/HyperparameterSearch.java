package org.openstrawberry.workflows;

import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.ChildWorkflowFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Promise;
import io.temporal.workflow.SignalExternalWorkflowException;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInit;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.openstrawberry.config.SweepSpec;
import org.openstrawberry.config.SweepSpec.Trial;
import org.openstrawberry.workflows.SweepResults.State;
import org.openstrawberry.workflows.SweepResults.TrialResult;
import org.openstrawberry.workflows.steps.SweepActivities.StandingRequest;
import org.slf4j.Logger;

/**
 * A grid or a random sample of runs, or successive halving among them, as a durable workflow. The trials' run directories
 * are its memory: a rung that a trial has trained is not trained again, whoever asks.
 *
 * <p>The history is not continued as new: a trial adds a dozen events a rung, with halving trials have two rungs on the
 * average or fewer, and a sweep has at most 500 trials. That is a quarter of the 51,200 events that a server allows.
 */
public final class HyperparameterSearch implements SweepWorkflow {
    private static final Logger log = Workflow.getLogger(HyperparameterSearch.class);

    private final String id = Workflow.getInfo().getWorkflowId();
    private final SweepInput input;
    private final SweepSpec spec;
    private final Map<String, TrialResult> results = new LinkedHashMap<>();
    private final Map<String, TrainingWorkflow> running = new LinkedHashMap<>();
    private boolean pauseAsked;
    private boolean stopAsked;
    private boolean done;

    /** @param input the same that {@link #sweep} gets */
    @WorkflowInit
    public HyperparameterSearch(SweepInput input) {
        this.input = input;
        spec = input.spec();
        for (Trial trial : spec.trials()) {
            results.put(
                    trial.id(),
                    new TrialResult(
                            trial.id(),
                            runOf(trial),
                            trial.settings(),
                            State.WAITING,
                            0,
                            Optional.empty(),
                            Optional.empty(),
                            input.directoryOf(trial)));
        }
    }

    @Override
    public SweepResults sweep(SweepInput same) {
        List<Integer> rungs = spec.rungs();
        List<Trial> going = spec.trials();
        trainAll(going, rungs.get(0));
        for (int rung : rungs.subList(1, rungs.size())) {
            going = best(going);
            trainAll(going, rung);
        }
        return finish();
    }

    /** As many at a time as the sweep may; each that ends makes room for the next. */
    private void trainAll(List<Trial> trials, int iterations) {
        Iterator<Trial> waiting = trials.iterator();
        List<Promise<Void>> places = IntStream.range(0, spec.atATime())
                .mapToObj(place -> Async.procedure(() -> {
                    while (waiting.hasNext() && !stopAsked) {
                        train(waiting.next(), iterations);
                    }
                }))
                .toList();
        Promise.allOf(places).get();
    }

    private void train(Trial trial, int iterations) {
        TrialStanding before = standing(trial, iterations);
        if (before.ended()) {
            note(trial, State.DONE, before, Optional.empty());
            return;
        }
        Workflow.await(() -> !pauseAsked || stopAsked);
        if (stopAsked) {
            return;
        }
        note(trial, State.RUNNING, before, Optional.empty());
        TrainingWorkflow run = TrialRuns.child(runOf(trial), trial, input.directoryOf(trial));
        running.put(trial.id(), run);
        State state = State.DONE;
        Optional<String> reason = Optional.empty();
        try {
            RunResult result = run.train(
                    TrainingInput.start(trial.run(), input.directoryOf(trial)).upTo(iterations));
            if (result.reason().equals(OnlineDpo.STOPPED)) {
                state = State.STOPPED;
                reason = Optional.of(result.reason());
            }
        } catch (ChildWorkflowFailure e) {
            if (CancellationScope.current().isCancelRequested()) {
                throw e;
            }
            state = e.getCause() instanceof CanceledFailure ? State.STOPPED : State.FAILED;
            reason = Optional.of(Failures.reason(e));
        } finally {
            running.remove(trial.id());
        }
        note(trial, state, standing(trial, iterations), reason);
        Steps.sweep().recordResults(input.directory(), results());
    }

    /** The trials of the next rung, of those that trained the last one to its end. The others are left behind. */
    private List<Trial> best(List<Trial> trials) {
        if (stopAsked) {
            return List.of();
        }
        List<Trial> done = trials.stream()
                .filter(trial -> result(trial).state() == State.DONE)
                .sorted(Comparator.comparing(
                        trial -> result(trial).value(), spec.measure().bestFirst()))
                .toList();
        int survivors = Math.min(done.size(), spec.halving().orElseThrow().survivors(trials.size()));
        for (int rank = 0; rank < done.size(); rank++) {
            Trial trial = done.get(rank);
            results.put(trial.id(), result(trial).in(rank < survivors ? State.WAITING : State.PRUNED));
        }
        return done.subList(0, survivors);
    }

    private TrialStanding standing(Trial trial, int iterations) {
        return Steps.sweep()
                .standing(new StandingRequest(input.directoryOf(trial), trial.run(), iterations, spec.measure()));
    }

    private void note(Trial trial, State state, TrialStanding standing, Optional<String> reason) {
        results.put(trial.id(), result(trial).in(state, standing, reason));
        Workflow.setCurrentDetails(Details.markdown(results(), input));
    }

    private TrialResult result(Trial trial) {
        return Optional.ofNullable(results.get(trial.id())).orElseThrow();
    }

    private String runOf(Trial trial) {
        return id + "-" + trial.id();
    }

    private SweepResults finish() {
        results.replaceAll((id, trial) -> trial.state() == State.WAITING ? trial.in(State.STOPPED) : trial);
        Steps.sweep().recordResults(input.directory(), results());
        Workflow.await(Workflow::isEveryHandlerFinished);
        done = true;
        if (results.values().stream().allMatch(trial -> trial.state() == State.FAILED)) {
            TrialResult first = results.values().iterator().next();
            throw ApplicationFailure.newNonRetryableFailure(
                    "all " + results.size() + " trials failed; trial " + first.trial() + ": "
                            + first.reason().orElse("for no reason"),
                    "AllTrialsFailed");
        }
        return results();
    }

    @Override
    public void pause() {
        pauseAsked = true;
        toEveryRunning(TrainingWorkflow::pause);
    }

    @Override
    public void resume() {
        pauseAsked = false;
        toEveryRunning(TrainingWorkflow::resume);
    }

    @Override
    public void stop() {
        stopAsked = true;
        toEveryRunning(TrainingWorkflow::stop);
    }

    private void toEveryRunning(Consumer<TrainingWorkflow> signal) {
        for (TrainingWorkflow run : List.copyOf(running.values())) {
            try {
                signal.accept(run);
            } catch (SignalExternalWorkflowException e) {
                log.info("a trial ended before its signal came", e);
            }
        }
    }

    @Override
    public Progress progress() {
        List<TrialResult> ended = results.values().stream()
                .filter(trial -> trial.state() != State.RUNNING && trial.state() != State.WAITING)
                .toList();
        return new Progress(
                publicState(),
                "trials",
                0,
                0,
                ended.size(),
                results.size(),
                Optional.empty(),
                results().trials().get(0).value(),
                Optional.empty(),
                Optional.empty());
    }

    private Progress.State publicState() {
        if (done) {
            return Progress.State.DONE;
        }
        if (stopAsked) {
            return Progress.State.STOPPING;
        }
        return pauseAsked ? Progress.State.PAUSING : Progress.State.RUNNING;
    }

    @Override
    public SweepResults results() {
        return SweepResults.of(spec.name(), spec.measure(), results.values());
    }
}
