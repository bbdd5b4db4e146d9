package org.openstrawberry.benchmarks;

import ai.djl.ndarray.NDManager;
import java.util.List;
import java.util.Map;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.DpoStep;
import org.openstrawberry.model.training.DpoTrainer;
import org.openstrawberry.model.training.Optimizer;
import org.openstrawberry.model.training.OptimizerSettings;
import org.openstrawberry.model.training.PreferenceObjective;
import org.openstrawberry.model.training.PreferencePair;

/** A step on the given completions, from the reference's log-probabilities to the changed weights. */
final class TrainingStep implements Repetition {
    private final NDManager memory;
    private final Weights policy;
    private final Weights reference;
    private final Optimizer optimizer;
    private final DpoTrainer trainer;
    private final List<PreferencePair> pairs;
    private final double learningRate;

    TrainingStep(Task task) {
        ModelDirectory directory = ModelDirectory.open(task.model());
        memory = Torch.start(task.threads(), "cpu");
        policy = directory.load(memory);
        reference = policy.copy(memory);
        optimizer = Optimizer.of(OptimizerSettings.adamW(0, OptimizerSettings.Decay.MATRICES), memory);
        trainer = new DpoTrainer(task.decoder(directory));
        pairs = task.work().pairs();
        learningRate = task.learningRate();
    }

    @Override
    public Map<String, Double> run() {
        DpoStep step = trainer.step(
                policy,
                reference,
                optimizer,
                pairs,
                PreferenceObjective.sigmoid(Task.BETA),
                learningRate,
                Task.CLIP_NORM,
                Task.MICRO_BATCH_TOKENS);
        return Map.of("loss", step.loss(), "grad_norm", step.gradNorm());
    }

    @Override
    public void close() {
        memory.close();
    }
}
