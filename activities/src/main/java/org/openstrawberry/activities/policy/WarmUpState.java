package org.openstrawberry.activities.policy;

import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntFunction;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.config.WarmupSpec;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.LearningRate;
import org.openstrawberry.model.training.Optimizer;
import org.openstrawberry.model.training.Sequence;
import org.openstrawberry.model.training.SupervisedTrainer;

/** The policy in its supervised stage. */
final class WarmUpState implements AutoCloseable {
    private final NDManager memory;
    private final Weights policy;
    private final Optimizer optimizer;
    private final SupervisedTrainer trainer;
    private final WarmupSpec spec;
    private int step;

    private WarmUpState(Run run, WarmupSpec spec, NDManager memory, Weights policy, int step) {
        this.memory = memory;
        this.policy = policy;
        this.spec = spec;
        this.step = step;
        optimizer = Optimizer.of(Settings.of(spec), memory);
        trainer =
                new SupervisedTrainer(Settings.decoder(run), run.spec().model().gradientCheckpointing());
    }

    /** From the base model, or from the checkpoint after so many steps. */
    static WarmUpState load(Run run, WarmupSpec spec, Checkpoints checkpoints, String checkpoint, int step) {
        NDManager memory = PolicyState.newMemory(run);
        if (step == 0) {
            return new WarmUpState(run, spec, memory, run.base().load(memory), 0);
        }
        CheckpointInfo info = checkpoints
                .info(checkpoint)
                .orElseThrow(() -> new IllegalStateException("no whole checkpoint " + checkpoint));
        Weights policy = Weights.load(checkpoints.file(checkpoint, Checkpoints.POLICY), memory);
        WarmUpState state = new WarmUpState(run, spec, memory, policy, step);
        try (Weights moments = Weights.load(checkpoints.file(checkpoint, Checkpoints.OPTIMIZER), memory)) {
            state.optimizer.restore(moments.asMap(), info.optimizerSteps());
        }
        return state;
    }

    int step() {
        return step;
    }

    /**
     * Takes steps.
     *
     * @param end how many are taken afterwards, counted from the base model
     * @param examples the example at a position of the stage
     * @return the last loss
     */
    double advance(int end, IntFunction<Sequence> examples) {
        LearningRate rate = Settings.schedule(spec.schedule(), spec.learningRate(), spec.steps());
        double loss = 0;
        for (; step < end; step++) {
            List<Sequence> batch = new ArrayList<>(spec.batch());
            for (int i = 0; i < spec.batch(); i++) {
                batch.add(examples.apply(Math.addExact(Math.multiplyExact(step, spec.batch()), i)));
            }
            loss = trainer.step(policy, optimizer, batch, rate.at(step), spec.clipNorm(), spec.microBatchTokens())
                    .loss();
        }
        return loss;
    }

    void save(Checkpoints checkpoints, String checkpoint, double loss) {
        checkpoints.save(
                checkpoint,
                new CheckpointInfo(0, step, Optional.of(loss), optimizer.steps(), CheckpointInfo.NONE, 0, Map.of()),
                Map.of(Checkpoints.POLICY, policy.asMap(), Checkpoints.OPTIMIZER, optimizer.state()));
    }

    @Override
    public void close() {
        memory.close();
    }
}
