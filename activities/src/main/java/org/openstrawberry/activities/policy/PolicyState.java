package org.openstrawberry.activities.policy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.DpoSpec;
import org.openstrawberry.config.OptimizerSpec;
import org.openstrawberry.config.ReferenceSpec;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.adapter.Adapted;
import org.openstrawberry.model.adapter.Adapter;
import org.openstrawberry.model.pretrained.Parameters;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.DpoStep;
import org.openstrawberry.model.training.DpoTrainer;
import org.openstrawberry.model.training.LogProbs;
import org.openstrawberry.model.training.NotFiniteException;
import org.openstrawberry.model.training.Optimizer;
import org.openstrawberry.model.training.PreferenceObjective;
import org.openstrawberry.model.training.PreferencePair;
import org.openstrawberry.model.training.Sequence;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.WritingWeights;

/** Policy, reference and optimiser as they are after an iteration, and the two ways in which they change. */
public final class PolicyState implements AutoCloseable {
    private final NDManager memory;
    private final Decoder decoder;
    private final boolean byLayer;
    private final Optional<Adapter> adapter;
    private final boolean goesOn;
    private final boolean ahead;
    /** The whole model where all of it is trained, else what the adapters stand on. */
    private final Weights base;

    private final Parameters policy;
    private final Parameters reference;
    private final Optimizer optimizer;
    private Optional<Weights> merged = Optional.empty();
    private Optional<WritingWeights> writing = Optional.empty();
    private Optional<Kept> kept = Optional.empty();
    private int iteration;
    private int refreshedAt;
    private String referenceIs;
    private boolean torn;

    private PolicyState(
            Run run, NDManager memory, Weights base, Weights trained, Weights referenceTrained, CheckpointInfo info) {
        this.memory = memory;
        this.base = base;
        decoder = Settings.decoder(run);
        byLayer = run.spec().model().gradientCheckpointing();
        adapter = Adapters.of(run);
        goesOn = Adapters.goOn(run);
        ahead = run.spec().sampling().ahead() > 0;
        policy = parameters(trained);
        reference = parameters(referenceTrained);
        optimizer = Optimizer.of(Settings.of(run.spec().optimizer()), memory);
        iteration = info.iteration();
        refreshedAt = info.refreshedAt();
        referenceIs = info.reference();
    }

    private Parameters parameters(Weights trained) {
        return adapter.<Parameters>map(low -> new Adapted(low, base, trained)).orElse(trained);
    }

    /** The state before the first iteration: a reference equal to the policy, a fresh optimiser. */
    static PolicyState first(Run run, Optional<Path> policyFile) {
        NDManager memory = newMemory(run);
        Weights base = policyFile
                .map(file -> Weights.load(file, memory))
                .orElseGet(() -> run.base().load(memory));
        return before(run, memory, base, Adapters.first(run, memory).orElse(base));
    }

    private static PolicyState before(Run run, NDManager memory, Weights base, Weights trained) {
        CheckpointInfo info = new CheckpointInfo(0, 0, Optional.empty(), 0, CheckpointInfo.SAME_AS_POLICY, 0, Map.of());
        return new PolicyState(run, memory, base, trained, trained.copy(memory), info);
    }

    /** What is trained as it was before the first step, by a checkpoint of then. */
    private static Weights firstTrained(Run run, Checkpoints checkpoints, String first, NDManager memory) {
        if (Adapters.goOn(run)) {
            return Weights.load(checkpoints.file(first, Checkpoints.ADAPTER), memory);
        }
        return Adapters.first(run, memory)
                .orElseGet(() -> Weights.load(checkpoints.file(first, Checkpoints.POLICY), memory));
    }

    /** The state of a whole checkpoint. */
    static PolicyState load(Run run, Checkpoints checkpoints, String checkpoint, String first, CheckpointInfo info) {
        NDManager memory = newMemory(run);
        boolean adapted = run.spec().model().lora().isPresent();
        String start = adapted ? first : checkpoint;
        Weights base = Weights.load(checkpoints.file(start, Checkpoints.POLICY), memory);
        if (adapted && info.iteration() == 0) {
            return before(run, memory, base, firstTrained(run, checkpoints, first, memory));
        }
        Weights trained = adapted ? Weights.load(checkpoints.file(checkpoint, Checkpoints.ADAPTER), memory) : base;
        Weights reference =
                switch (info.reference()) {
                    case CheckpointInfo.SAME_AS_POLICY -> trained.copy(memory);
                    case CheckpointInfo.FIRST -> firstTrained(run, checkpoints, first, memory);
                    default -> Weights.load(checkpoints.file(checkpoint, Checkpoints.REFERENCE), memory);
                };
        PolicyState state = new PolicyState(run, memory, base, trained, reference, info);
        if (info.files().containsKey(Checkpoints.OPTIMIZER)) {
            try (Weights moments = Weights.load(checkpoints.file(checkpoint, Checkpoints.OPTIMIZER), memory)) {
                state.optimizer.restore(moments.asMap(), info.optimizerSteps());
            }
        } else {
            state.optimizer.restore(Map.of(), info.optimizerSteps());
        }
        return state;
    }

    static NDManager newMemory(Run run) {
        return Torch.start(run.spec().model().threads(), run.spec().model().device());
    }

    public int iteration() {
        return iteration;
    }

    /** The whole policy, adapters merged; valid until the next step. */
    public Weights policy() {
        return adapter.map(this::merged).orElse(base);
    }

    private Weights merged(Adapter low) {
        Weights whole = merged.orElseGet(() -> low.merged(base, policy.trained(), memory));
        merged = Optional.of(whole);
        return whole;
    }

    /** The policy, prepared for the writing of tokens; valid until the next step. */
    public WritingWeights writing() {
        WritingWeights prepared = writing.orElseGet(() -> {
            try (NDManager scratch = memory.newSubManager()) {
                return decoder.forWriting(lasting(policy.model(scratch), scratch), memory);
            }
        });
        writing = Optional.of(prepared);
        return prepared;
    }

    /** What is kept beyond a step must not share memory with weights that the step changes. */
    private Map<String, NDArray> lasting(Map<String, NDArray> model, NDManager scratch) {
        if (!ahead || adapter.isPresent()) {
            return model;
        }
        Map<String, NDArray> copies = new LinkedHashMap<>();
        model.forEach((name, tensor) -> {
            NDArray copy = tensor.duplicate();
            copy.attach(scratch);
            copies.put(name, copy);
        });
        return copies;
    }

    /**
     * Keeps the policy for writing beyond the step that is about to come, which thoughts that are sampled ahead don't wait
     * for. Only where sampling runs ahead, and in a process that has sampled.
     */
    void keepForWriting() {
        if (ahead && (writing.isPresent() || kept.isPresent())) {
            WritingWeights current = writing();
            kept.ifPresent(old -> old.weights().close());
            kept = Optional.of(new Kept(iteration, current));
            writing = Optional.empty();
        }
    }

    /** The policy as it was after an earlier iteration, prepared for writing, where that is kept. */
    Optional<WritingWeights> keptForWriting(int earlier) {
        return kept.filter(old -> old.iteration() == earlier).map(Kept::weights);
    }

    private record Kept(int iteration, WritingWeights weights) {}

    /** Whatever was made of the policy as it was. */
    private void forget() {
        merged.ifPresent(Weights::close);
        merged = Optional.empty();
        writing.ifPresent(WritingWeights::close);
        writing = Optional.empty();
    }

    /** The adapters alone, where adapters are trained. */
    Optional<Adapted> adapted() {
        return adapter.map(low -> new Adapted(low, base, policy.trained()));
    }

    public Decoder decoder() {
        return decoder;
    }

    /** Whether a step began and did not end: then neither memory nor log can be trusted, and the state is rebuilt. */
    boolean torn() {
        return torn;
    }

    /**
     * The step of an iteration, or its steps. The policy changes; the iteration is then this state's.
     *
     * @param number of the iteration: the next one's, or a later one's after a rollback
     * @param batches indices of pairs by optimiser step
     * @return what each of them found
     * @throws NotFiniteException if a gradient or the weights are no longer finite; the state is then torn
     */
    List<DpoStep> step(
            int number,
            List<PreferencePair> pairs,
            List<List<Integer>> batches,
            DpoSpec dpo,
            OptimizerSpec spec,
            double learningRate) {
        torn = true;
        forget();
        optimizer.use(Settings.of(spec)); // of this step: they may have changed since the run began
        PreferenceObjective objective = Objectives.of(dpo);
        DpoTrainer trainer = new DpoTrainer(decoder, byLayer);
        List<DpoStep> steps = new ArrayList<>(batches.size());
        for (List<Integer> batch : batches) {
            // Until the first of them, a refreshed reference is the policy.
            boolean equal = steps.isEmpty() && referenceIs.equals(CheckpointInfo.SAME_AS_POLICY);
            steps.add(trainer.step(
                    policy,
                    equal ? policy : reference,
                    optimizer,
                    batch.stream().map(pairs::get).toList(),
                    objective,
                    learningRate,
                    spec.clipNorm(),
                    spec.microBatchTokens()));
        }
        if (!policy.trained().areFinite()) {
            throw new NotFiniteException("the weights are no longer finite after the step of iteration " + number
                    + "; the learning rate may be too high");
        }
        if (referenceIs.equals(CheckpointInfo.SAME_AS_POLICY)) {
            referenceIs = refreshedAt == 0 ? CheckpointInfo.FIRST : CheckpointInfo.OWN_FILE;
        }
        iteration = number;
        torn = false;
        return steps;
    }

    /** An iteration of that number that had nothing to learn from. */
    void skip(int number) {
        iteration = number;
    }

    /** Brings the reference closer to the policy; does nothing where this iteration's refresh is done already. */
    void refresh(ReferenceSpec spec) {
        if (refreshedAt == iteration) {
            return;
        }
        torn = true;
        switch (spec.refresh()) {
            case NEVER -> throw new IllegalArgumentException("reference.refresh is never");
            case EVERY, BEST -> {
                reference.trained().copyFrom(policy.trained());
                referenceIs = CheckpointInfo.SAME_AS_POLICY;
            }
            case SOFT -> {
                reference.trained().blendFrom(policy.trained(), spec.alpha());
                referenceIs = CheckpointInfo.OWN_FILE;
            }
        }
        refreshedAt = iteration;
        torn = false;
    }

    /**
     * How far the policy has gone from where it began. The weights of iteration 0 are in memory only while this computes.
     *
     * @return Σ (log π − log π₀) over each completion's tokens, in nats, π₀ being the policy of iteration 0; empty where its
     *     checkpoint is damaged
     */
    public Optional<double[]> logRatiosToFirst(Run run, List<Sequence> completions) {
        if (iteration == 0) {
            return Optional.of(new double[completions.size()]);
        }
        Checkpoints checkpoints = new Checkpoints(run.directory());
        if (checkpoints.info(RunLayout.checkpoint(0)).isEmpty()) {
            return Optional.empty();
        }
        LogProbs logProbs = new LogProbs(decoder);
        int microBatchTokens = run.spec().optimizer().microBatchTokens();
        double[] ratios = logProbs.sums(policy(), completions, microBatchTokens);
        try (Weights first = checkpoints.policy(run, 0, memory)) {
            double[] before = logProbs.sums(first, completions, microBatchTokens);
            Arrays.setAll(ratios, i -> ratios[i] - before[i]);
        }
        return Optional.of(ratios);
    }

    void save(Checkpoints checkpoints, String checkpoint) {
        Map<String, Map<String, NDArray>> files = new LinkedHashMap<>();
        // Adapters stand on the policy of checkpoint 0, and begin as the seed draws them or as they are stored there.
        if (adapter.isEmpty() || iteration == 0) {
            files.put(Checkpoints.POLICY, base.asMap());
        }
        if (adapter.isPresent() && (iteration > 0 || goesOn)) {
            files.put(Checkpoints.ADAPTER, policy.trained().asMap());
        }
        if (referenceIs.equals(CheckpointInfo.OWN_FILE)) {
            files.put(Checkpoints.REFERENCE, reference.trained().asMap());
        }
        if (!optimizer.state().isEmpty()) {
            files.put(Checkpoints.OPTIMIZER, optimizer.state());
        }
        checkpoints.save(
                checkpoint,
                new CheckpointInfo(
                        iteration, 0, Optional.empty(), optimizer.steps(), referenceIs, refreshedAt, Map.of()),
                files);
    }

    @Override
    public void close() {
        memory.close();
    }
}
