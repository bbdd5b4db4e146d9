package org.openstrawberry.activities.policy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.function.IntFunction;
import org.openstrawberry.activities.prompts.EpochOrder;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.runtime.Timed;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.OptimizerSpec;
import org.openstrawberry.config.ReferenceSpec;
import org.openstrawberry.config.WarmupRow;
import org.openstrawberry.config.WarmupSpec;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.pretrained.AdapterDirectory;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.training.Sequence;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.RunRef;
import org.openstrawberry.workflows.steps.Step;
import org.openstrawberry.workflows.steps.TrainerActivities;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Changes the policy and stores it. Each step that finds its output there returns it. */
public final class TrainerSteps implements TrainerActivities, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(TrainerSteps.class);

    private final Runs runs;
    private final Tensors tensors;
    private final PolicyStates states;
    /** By run directory; touched on the tensor thread only. */
    private final Map<Path, WarmUpState> warmUps = new HashMap<>();
    /** By run directory: when its last step ended. */
    private final Map<Path, Moment> lastSteps = new ConcurrentHashMap<>();

    public TrainerSteps(Runs runs, Tensors tensors, PolicyStates states) {
        this.runs = runs;
        this.tensors = tensors;
        this.states = states;
    }

    @Override
    public WarmUp warmUp(RunRef ref, int step) {
        Run run = runs.open(ref);
        WarmupSpec spec = run.spec().warmup().orElseThrow(() -> new IllegalStateException("the run has no warm-up"));
        int end = Math.min(spec.steps(), step + spec.checkpointEvery());
        Checkpoints checkpoints = new Checkpoints(run.directory());
        String checkpoint = RunLayout.warmUpCheckpoint(end);
        // Asked on the tensor thread, so that a second attempt waits for a first that is still under way.
        double loss = tensors.call(() -> checkpoints
                .info(checkpoint)
                .flatMap(CheckpointInfo::warmUpLoss)
                .orElseGet(() -> warmUp(run, spec, checkpoints, step, end)));
        return new WarmUp(end, loss);
    }

    private double warmUp(Run run, WarmupSpec spec, Checkpoints checkpoints, int step, int end) {
        WarmUpState held = warmUps.remove(run.directory());
        if (held != null && held.step() != step) {
            held.close();
            held = null;
        }
        WarmUpState state =
                held != null ? held : WarmUpState.load(run, spec, checkpoints, RunLayout.warmUpCheckpoint(step), step);
        Torch.useThreads(run.spec().model().threads());
        double loss = state.advance(end, examples(run));
        log.info("warm-up: step {} of {}, loss {}", end, spec.steps(), loss);
        state.save(checkpoints, RunLayout.warmUpCheckpoint(end), loss);
        checkpoints.pruneWarmUp(step);
        if (end < spec.steps()) {
            warmUps.put(run.directory(), state);
        } else {
            state.close();
        }
        return loss;
    }

    /** The warm-up goes through its data as the iterations go through their prompts. */
    private static IntFunction<Sequence> examples(Run run) {
        List<WarmupRow> rows = run.warmup();
        EpochOrder order = new EpochOrder(rows.size(), run.spec().seed(), "warm-up");
        int eos = run.base().eosIds().iterator().next();
        return position -> {
            WarmupRow row = rows.get(order.at(position).row());
            int[] completion = run.tokenizer().encodeWithout(row.completion());
            int[] ended = Arrays.copyOf(completion, completion.length + 1);
            ended[completion.length] = eos;
            return new Sequence(run.tokenizer().encode(row.prompt()), ended);
        };
    }

    @Override
    public void initialize(RunRef ref) {
        Run run = runs.open(ref);
        Checkpoints checkpoints = new Checkpoints(run.directory());
        if (checkpoints.newestWhole(Integer.MAX_VALUE).isPresent()) {
            checkpoints.pruneWarmUp(Integer.MAX_VALUE);
            return;
        }
        Optional<Path> warm = run.spec()
                .warmup()
                .map(spec -> checkpoints.file(RunLayout.warmUpCheckpoint(spec.steps()), Checkpoints.POLICY));
        tensors.call(() -> {
            try (PolicyState first = PolicyState.first(run, warm)) {
                first.save(checkpoints, RunLayout.checkpoint(0));
            }
            return true;
        });
        checkpoints.pruneWarmUp(Integer.MAX_VALUE);
    }

    @Override
    public Step dpoStep(StepRequest request) {
        Run run = runs.open(request.run());
        int iteration = request.pairs().iteration();
        String path = RunLayout.step(iteration);
        OptimizerSpec optimizer = request.optimizer();
        double learningRate = Settings.schedule(
                        optimizer.schedule(), optimizer.learningRate(), request.totalIterations())
                .at(iteration - 1L);
        DoubleAdder seconds = new DoubleAdder();
        ArtifactRef artifact = run.store().once(path, out -> {
            Timed<StepFile> taken = tensors.call(() -> Timed.of(() -> states.step(run, request, learningRate)));
            seconds.add(taken.seconds());
            Json.object(taken.value()).write(out);
        });
        Outcome outcome = Json.read(run.store().resolve(path), Outcome.class);
        return new Step(iteration, artifact, outcome.taken(), outcome.metrics(), idleSeconds(run), seconds.sum());
    }

    /** What the workflow is told of a {@link StepFile}, the rest of which may be long. */
    private record Outcome(boolean taken, Map<String, Double> metrics) {}

    /** Since the run's last step here: all time in which the tensor thread did nothing, for this run or another. */
    private Optional<Double> idleSeconds(Run run) {
        Moment now = new Moment(System.nanoTime() / 1e9, tensors.busySeconds());
        return Optional.ofNullable(lastSteps.put(run.directory(), now))
                .map(last -> Math.max(0, now.seconds() - last.seconds() - (now.busy() - last.busy())));
    }

    private record Moment(double seconds, double busy) {}

    @Override
    public void refreshReference(RunRef ref, int iteration, ReferenceSpec reference) {
        Run run = runs.open(ref);
        run.store().once(RunLayout.reference(iteration), out -> {
            tensors.call(() -> {
                states.at(run, iteration).refresh(reference);
                return true;
            });
            Json.object(reference).write(out);
        });
    }

    @Override
    public void checkpoint(RunRef ref, int iteration, int bestIteration) {
        Run run = runs.open(ref);
        Checkpoints checkpoints = new Checkpoints(run.directory());
        tensors.call(() -> {
            if (checkpoints.info(RunLayout.checkpoint(iteration)).isEmpty()) {
                states.at(run, iteration).save(checkpoints, RunLayout.checkpoint(iteration));
            }
            return true;
        });
        checkpoints.prune(run.spec().checkpoints(), run.spec().sampling().ahead(), bestIteration);
    }

    @Override
    public Export export(RunRef ref, int iteration) {
        Run run = runs.open(ref);
        Path target = run.store().resolve(RunLayout.POLICY);
        return tensors.call(() -> {
            PolicyState state = states.at(run, iteration);
            DurableFiles.replaceFolder(target, temporary -> export(run, state, temporary));
            // The run ends here: without this, a process would hold the policy of every run that it ever worked on.
            states.drop(run);
            return new Export(RunLayout.POLICY, ModelDirectory.weightsSha256(target));
        });
    }

    /** Adapters are there twice: merged into the weights, and in PEFT's files beside what they stand on. */
    private static void export(Run run, PolicyState state, Path target) {
        ModelDirectory base = run.base();
        base.export(target, state.policy());
        state.adapted().ifPresent(adapted -> {
            // After a warm-up they don't stand on the model that the run began with.
            boolean warm = run.spec().warmup().isPresent();
            if (warm) {
                base.export(target.resolve("base"), adapted.base());
            }
            AdapterDirectory.save(
                    target.resolve("adapter"),
                    adapted.adapter().config(),
                    base.config(),
                    adapted.trained(),
                    (warm ? run.store().resolve(RunLayout.POLICY).resolve("base") : base.path()).toString());
        });
    }

    @Override
    public void close() {
        tensors.call(() -> {
            warmUps.values().forEach(WarmUpState::close);
            states.close();
            return true;
        });
    }
}
