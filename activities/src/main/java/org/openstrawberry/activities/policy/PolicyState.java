package org.openstrawberry.activities.policy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.config.DpoSpec;
import org.openstrawberry.config.OptimizerSpec;
import org.openstrawberry.config.ReferenceSpec;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.DpoStep;
import org.openstrawberry.model.training.DpoTrainer;
import org.openstrawberry.model.training.Optimizer;
import org.openstrawberry.model.training.PreferenceObjective;
import org.openstrawberry.model.training.PreferencePair;
import org.openstrawberry.model.transformer.Decoder;

/** Policy, reference and optimiser as they are after an iteration, and the two ways in which they change. */
public final class PolicyState implements AutoCloseable {
    private final NDManager memory;
    private final Decoder decoder;
    private final Weights policy;
    private final Weights reference;
    private final Optimizer optimizer;
    private int iteration;
    private int refreshedAt;
    private String referenceIs;
    private boolean torn;

    private PolicyState(
            NDManager memory,
            Decoder decoder,
            Weights policy,
            Weights reference,
            Optimizer optimizer,
            CheckpointInfo info) {
        this.memory = memory;
        this.decoder = decoder;
        this.policy = policy;
        this.reference = reference;
        this.optimizer = optimizer;
        this.iteration = info.iteration();
        this.refreshedAt = info.refreshedAt();
        this.referenceIs = info.reference();
    }

    /** The state before the first iteration: a reference equal to the policy, a fresh optimiser. */
    static PolicyState first(Run run, Optional<Path> policyFile) {
        NDManager memory = newMemory(run);
        Weights policy = policyFile
                .map(file -> Weights.load(file, memory))
                .orElseGet(() -> run.base().load(memory));
        CheckpointInfo info = new CheckpointInfo(0, 0, Optional.empty(), 0, CheckpointInfo.SAME_AS_POLICY, 0, Map.of());
        return new PolicyState(
                memory,
                new Decoder(run.base().config()),
                policy,
                policy.copy(memory),
                Optimizer.of(Settings.of(run.spec().optimizer()), memory),
                info);
    }

    /** The state of a whole checkpoint. */
    static PolicyState load(Run run, Checkpoints checkpoints, String checkpoint, String first, CheckpointInfo info) {
        NDManager memory = newMemory(run);
        Weights policy = Weights.load(checkpoints.file(checkpoint, Checkpoints.POLICY), memory);
        Weights reference =
                switch (info.reference()) {
                    case CheckpointInfo.SAME_AS_POLICY -> policy.copy(memory);
                    case CheckpointInfo.FIRST -> Weights.load(checkpoints.file(first, Checkpoints.POLICY), memory);
                    default -> Weights.load(checkpoints.file(checkpoint, Checkpoints.REFERENCE), memory);
                };
        Optimizer optimizer = Optimizer.of(Settings.of(run.spec().optimizer()), memory);
        if (info.files().containsKey(Checkpoints.OPTIMIZER)) {
            try (Weights state = Weights.load(checkpoints.file(checkpoint, Checkpoints.OPTIMIZER), memory)) {
                optimizer.restore(state.asMap(), info.optimizerSteps());
            }
        } else {
            optimizer.restore(Map.of(), info.optimizerSteps());
        }
        return new PolicyState(memory, new Decoder(run.base().config()), policy, reference, optimizer, info);
    }

    static NDManager newMemory(Run run) {
        return Torch.start(run.spec().model().threads(), run.spec().model().device());
    }

    public int iteration() {
        return iteration;
    }

    public Weights policy() {
        return policy;
    }

    public Decoder decoder() {
        return decoder;
    }

    /** Whether a step began and did not end: then neither memory nor log can be trusted, and the state is rebuilt. */
    boolean torn() {
        return torn;
    }

    /**
     * The step of the next iteration, or its steps. The policy changes; the iteration is then this state's.
     *
     * @param batches indices of pairs by optimiser step
     * @return what each of them found
     */
    List<DpoStep> step(
            List<PreferencePair> pairs,
            List<List<Integer>> batches,
            DpoSpec dpo,
            OptimizerSpec spec,
            double learningRate) {
        torn = true;
        optimizer.use(Settings.of(spec)); // of this step: they may have changed since the run began
        PreferenceObjective objective = Objectives.of(dpo);
        DpoTrainer trainer = new DpoTrainer(decoder);
        List<DpoStep> steps = new ArrayList<>(batches.size());
        for (List<Integer> batch : batches) {
            steps.add(trainer.step(
                    policy,
                    reference,
                    optimizer,
                    batch.stream().map(pairs::get).toList(),
                    objective,
                    learningRate,
                    spec.clipNorm(),
                    spec.microBatchTokens()));
        }
        if (!policy.areFinite()) {
            throw new ArithmeticException("the weights are no longer finite after the step of iteration "
                    + (iteration + 1) + "; the learning rate may be too high");
        }
        if (referenceIs.equals(CheckpointInfo.SAME_AS_POLICY)) {
            referenceIs = refreshedAt == 0 ? CheckpointInfo.FIRST : CheckpointInfo.OWN_FILE;
        }
        iteration++;
        torn = false;
        return steps;
    }

    /** An iteration that had nothing to learn from. */
    void skip() {
        iteration++;
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
                reference.copyFrom(policy);
                referenceIs = CheckpointInfo.SAME_AS_POLICY;
            }
            case SOFT -> {
                reference.blendFrom(policy, spec.alpha());
                referenceIs = CheckpointInfo.OWN_FILE;
            }
        }
        refreshedAt = iteration;
        torn = false;
    }

    void save(Checkpoints checkpoints, String checkpoint) {
        Map<String, Map<String, NDArray>> files = new LinkedHashMap<>();
        files.put(Checkpoints.POLICY, policy.asMap());
        if (referenceIs.equals(CheckpointInfo.OWN_FILE)) {
            files.put(Checkpoints.REFERENCE, reference.asMap());
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
