package org.openstrawberry.activities.policy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.run.IterationRecord;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.store.DamagedArtifactException;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.Adjustment;
import org.openstrawberry.config.DpoSpec;
import org.openstrawberry.config.OptimizerSpec;
import org.openstrawberry.config.ReferenceSpec;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.training.DpoStep;
import org.openstrawberry.model.training.NotFiniteException;
import org.openstrawberry.model.training.PairLogProbs;
import org.openstrawberry.model.training.PreferencePair;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.WritingWeights;
import org.openstrawberry.workflows.Health;
import org.openstrawberry.workflows.TrainingState;
import org.openstrawberry.workflows.TrainingState.HeldOut;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.TrainerActivities.StepRequest;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Each run's policy as it is in this process's memory. Where it is not there, it is rebuilt: the newest checkpoint at or
 * before the iteration, then the logged steps once more, with the settings that each was taken with. To be used on the
 * tensor thread only.
 */
public final class PolicyStates implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PolicyStates.class);

    /** A run that has not been heard of for so long is over, or trained elsewhere; it is rebuilt if it comes back. */
    private static final long FORGOTTEN_AFTER = Duration.ofMinutes(30).toNanos();

    private final Map<Path, PolicyState> states = new HashMap<>();
    private final Map<Path, Long> lastUse = new HashMap<>();

    /**
     * The state after an iteration.
     *
     * @throws IllegalStateException if there is no checkpoint to build on
     * @throws DamagedArtifactException if a logged step in between is missing or damaged
     */
    public PolicyState at(Run run, int iteration) {
        lastUse.put(run.directory(), System.nanoTime());
        forgetUnused();
        PolicyState state = states.get(run.directory());
        if (state == null || state.torn() || !StepChain.leads(run, state.iteration(), iteration)) {
            drop(run);
            state = load(run, iteration);
            states.put(run.directory(), state);
        }
        Torch.useThreads(run.spec().model().threads());
        for (int step : StepChain.between(run, state.iteration(), iteration)) {
            if (step == iteration) {
                state.keepForWriting();
            }
            replay(run, state, step);
        }
        return state;
    }

    /**
     * A policy that writes thoughts.
     *
     * @param weights valid until the next step of the run
     */
    public record Writer(Decoder decoder, WritingWeights weights) {}

    /** The policy after an iteration, prepared for writing. Where sampling runs ahead, it may be the one before the last step. */
    public Writer writer(Run run, int iteration) {
        PolicyState held = states.get(run.directory());
        Optional<WritingWeights> kept = held == null || held.torn() ? Optional.empty() : held.keptForWriting(iteration);
        if (held != null && kept.isPresent()) {
            Torch.useThreads(run.spec().model().threads());
            return new Writer(held.decoder(), kept.get());
        }
        PolicyState state = at(run, iteration);
        return new Writer(state.decoder(), state.writing());
    }

    /** Takes the step of an iteration and says what to log of it. */
    StepFile step(Run run, StepRequest request, double learningRate) {
        int iteration = request.pairs().iteration();
        ArtifactRef pairs = request.pairs().artifact();
        DpoSpec dpo = request.dpo().at(iteration, request.totalIterations());
        OptimizerSpec optimizer = request.optimizer();
        int parent = request.parent().orElse(iteration - 1);
        Optional<Integer> sampledBy = run.spec().sampling().sampledBy(iteration);
        List<PairLine> lines = Json.readLines(run.store().verified(pairs), PairLine.class);
        List<PreferencePair> preferences = preferences(lines);
        StepFile skipped = new StepFile(
                iteration,
                false,
                pairs.sha256(),
                sampledBy,
                learningRate,
                dpo,
                optimizer,
                request.refresh(),
                request.adjusted(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Map.of(),
                request.parent(),
                Optional.empty());
        PolicyState state = refreshedAt(run, parent);
        state.keepForWriting();
        if (preferences.isEmpty()) {
            state.skip(iteration);
            return skipped;
        }
        List<List<Integer>> batches =
                MiniBatches.plan(preferences.size(), optimizer, run.spec().seed(), iteration);
        List<DpoStep> steps;
        try {
            steps = state.step(iteration, preferences, batches, dpo, optimizer, learningRate);
        } catch (NotFiniteException e) {
            if (run.spec().health().isEmpty()) {
                throw e;
            }
            // Some of the iteration's steps may have been taken: what was before them is rebuilt.
            log.warn("iteration {}: the step is refused", iteration, e);
            drop(run);
            refreshedAt(run, parent).skip(iteration);
            return skipped.refused(String.valueOf(e.getMessage()), Map.of(Health.Check.NON_FINITE.metric(), 1.0));
        }
        DpoStep step = MiniBatches.firstEpoch(steps, batches, preferences.size());
        Map<String, Double> metrics = metrics(step, dpo.beta(), learningRate);
        metrics.putAll(SamplerGap.of(lines, step.tokens()));
        if (steps.size() > 1) {
            metrics.put("optimizer/steps", (double) steps.size());
        }
        return new StepFile(
                iteration,
                true,
                pairs.sha256(),
                sampledBy,
                learningRate,
                dpo,
                optimizer,
                request.refresh(),
                request.adjusted(),
                Optional.of(batches).filter(all -> all.size() > 1),
                Optional.of(step.logProbs()),
                Optional.of(step.tokens().stream().map(TokenLogProbs::of).toList()),
                metrics,
                request.parent(),
                Optional.empty());
    }

    /** The state after an iteration, with the refresh that its evaluation may have brought. */
    private PolicyState refreshedAt(Run run, int iteration) {
        PolicyState state = at(run, iteration);
        recordedRefresh(run, iteration).ifPresent(state::refresh);
        return state;
    }

    /** Forgets what is in memory. */
    void drop(Run run) {
        drop(run.directory());
    }

    private void drop(Path directory) {
        PolicyState state = states.remove(directory);
        if (state != null) {
            state.close();
        }
    }

    private void forgetUnused() {
        long now = System.nanoTime();
        List<Path> unused = states.keySet().stream()
                .filter(directory -> now - lastUse.getOrDefault(directory, now) > FORGOTTEN_AFTER)
                .toList();
        unused.forEach(directory -> {
            drop(directory);
            lastUse.remove(directory);
        });
    }

    @Override
    public void close() {
        states.values().forEach(PolicyState::close);
        states.clear();
    }

    private static PolicyState load(Run run, int iteration) {
        Checkpoints checkpoints = new Checkpoints(run.directory());
        int from = StepChain.newestWhole(run, checkpoints, iteration)
                .orElseThrow(() -> new IllegalStateException(
                        run.directory() + ": no whole checkpoint at or before iteration " + iteration));
        String checkpoint = RunLayout.checkpoint(from);
        CheckpointInfo info = checkpoints.info(checkpoint).orElseThrow();
        log.info("iteration {}: policy from the checkpoint of iteration {}", iteration, from);
        return PolicyState.load(run, checkpoints, checkpoint, RunLayout.checkpoint(0), info);
    }

    private static void replay(Run run, PolicyState state, int iteration) {
        String stepPath = RunLayout.step(iteration);
        ArtifactRef pairs = whole(run, RunLayout.pairs(iteration));
        StepFile step = Json.read(run.store().verified(whole(run, stepPath)), StepFile.class);
        if (!step.pairsSha256().equals(pairs.sha256())) {
            throw new DamagedArtifactException(run.store().resolve(pairs.path()) + ": SHA-256 is " + pairs.sha256()
                    + ", expected " + step.pairsSha256() + " by " + stepPath);
        }
        log.info("taking the logged step of iteration {} again", iteration);
        if (step.taken()) {
            List<PreferencePair> preferences =
                    preferences(Json.readLines(run.store().resolve(pairs.path()), PairLine.class));
            List<List<Integer>> batches = step.batches()
                    .orElseGet(() -> List.of(
                            IntStream.range(0, preferences.size()).boxed().toList()));
            state.step(iteration, preferences, batches, step.dpo(), step.optimizer(), step.learningRate());
        } else {
            state.skip(iteration);
        }
        step.refresh().or(() -> recordedRefresh(run, iteration)).ifPresent(state::refresh);
    }

    /**
     * The refresh that followed an iteration and was not known yet when its step was logged, since its evaluation decided:
     * as it was logged itself, or else as the state after the iteration implies.
     */
    private static Optional<ReferenceSpec> recordedRefresh(Run run, int iteration) {
        return run.store()
                .find(RunLayout.reference(iteration))
                .map(file -> Json.read(run.store().verified(file), ReferenceSpec.class))
                .or(() -> refreshAtBest(run, iteration));
    }

    private static Optional<ReferenceSpec> refreshAtBest(Run run, int iteration) {
        String path = RunLayout.iterationRecord(iteration);
        if (iteration == 0 || !run.store().isWhole(path)) {
            return Optional.empty();
        }
        TrainingState state =
                Json.read(run.store().resolve(path), IterationRecord.class).state();
        if (state.heldOut().map(HeldOut::bestIteration).orElse(0) != iteration) {
            return Optional.empty();
        }
        RunSpec spec = state.adjusted().isEmpty() ? run.spec() : Adjustment.apply(run.spec(), state.adjusted());
        return Optional.of(spec.reference())
                .filter(reference ->
                        reference.atBest() && iteration % spec.evaluation().every() == 0);
    }

    private static ArtifactRef whole(Run run, String path) {
        return run.store()
                .find(path)
                .orElseThrow(() -> new DamagedArtifactException(
                        run.store().resolve(path) + ": missing or damaged, expected a log"));
    }

    private static List<PreferencePair> preferences(List<PairLine> lines) {
        return lines.stream()
                .map(line -> new PreferencePair(
                        line.promptIds(),
                        line.chosenIds(),
                        line.rejectedIds(),
                        line.weight().orElse(1.0)))
                .toList();
    }

    private static Map<String, Double> metrics(DpoStep step, double beta, double learningRate) {
        double chosen = step.meanScored(pair -> pair.chosenReward(beta));
        double rejected = step.meanScored(pair -> pair.rejectedReward(beta));
        Map<String, Double> metrics = new LinkedHashMap<>();
        metrics.put("loss", step.loss());
        metrics.put("rewards/chosen", chosen);
        metrics.put("rewards/rejected", rejected);
        metrics.put("rewards/margins", chosen - rejected);
        metrics.put(
                "rewards/accuracies",
                step.meanScored(pair -> pair.chosenReward(beta) > pair.rejectedReward(beta) ? 1 : 0));
        metrics.put("logps/chosen", step.mean(PairLogProbs::policyChosen));
        metrics.put("logps/rejected", step.mean(PairLogProbs::policyRejected));
        metrics.put("grad_norm", step.gradNorm());
        metrics.put("learning_rate", learningRate);
        metrics.put("beta", beta);
        metrics.put("objective/kl", step.kl());
        metrics.put("objective/entropy", step.entropy());
        return metrics;
    }
}
