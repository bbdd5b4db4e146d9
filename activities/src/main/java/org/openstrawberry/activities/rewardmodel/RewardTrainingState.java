package org.openstrawberry.activities.rewardmodel;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.openstrawberry.activities.policy.Settings;
import org.openstrawberry.activities.prompts.EpochOrder;
import org.openstrawberry.config.RewardTrainingSpec;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.adapter.Adapted;
import org.openstrawberry.model.adapter.Adapter;
import org.openstrawberry.model.classification.Classifier;
import org.openstrawberry.model.classification.PairFit;
import org.openstrawberry.model.classification.RewardStep;
import org.openstrawberry.model.classification.RewardTrainer;
import org.openstrawberry.model.classification.ScoredPair;
import org.openstrawberry.model.pretrained.AdapterDirectory;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Parameters;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.LearningRate;
import org.openstrawberry.model.training.Optimizer;

/** A reward model after some of its steps, with its optimiser and its rows of metrics. */
final class RewardTrainingState implements AutoCloseable {
    private final RewardTrainingRun run;
    private final NDManager memory;
    private final ModelDirectory directory;
    /** The whole model, or what the adapters stand on. */
    private final Weights base;

    private final Optional<Adapter> adapter;
    private final Parameters weights;
    private final Optimizer optimizer;
    private final RewardTrainer trainer;
    private final EpochOrder order;
    private final List<Map<String, Double>> metrics = new ArrayList<>();
    private int step;

    /** @param trained as a checkpoint has it; empty: as it begins */
    private RewardTrainingState(
            RewardTrainingRun run, ModelDirectory directory, NDManager memory, Optional<Weights> trained) {
        RewardTrainingSpec spec = run.spec();
        this.run = run;
        this.memory = memory;
        this.directory = directory;
        adapter = run.adapter(directory.config());
        base = adapter.isEmpty() ? trained.orElseGet(() -> directory.load(memory)) : directory.load(memory);
        weights = adapter.<Parameters>map(low ->
                        new Adapted(low, base, trained.orElseGet(() -> low.freshWithHead(spec.seed(), base, memory))))
                .orElse(base);
        trainer = new RewardTrainer(new Classifier(directory));
        order = new EpochOrder(run.data().training().size(), spec.seed(), "reward model");
        optimizer = Optimizer.of(Settings.of(spec.step()), memory);
    }

    /** From the untrained model, or from the checkpoint after so many steps. */
    static RewardTrainingState load(RewardTrainingRun run, RewardCheckpoints checkpoints, int step) {
        NDManager memory = newMemory(run);
        try {
            ModelDirectory directory = untrained(run);
            if (step == 0) {
                RewardTrainingState state = new RewardTrainingState(run, directory, memory, Optional.empty());
                state.metrics.add(state.withHeldOut(new LinkedHashMap<>(Map.of("step", 0.0))));
                return state;
            }
            RewardCheckpoints.Info info = checkpoints
                    .info(step)
                    .orElseThrow(() -> new IllegalStateException("no whole checkpoint of step " + step));
            RewardTrainingState state = new RewardTrainingState(
                    run, directory, memory, Optional.of(Weights.load(checkpoints.file(step, file(run)), memory)));
            if (info.files().containsKey(RewardCheckpoints.OPTIMIZER)) {
                try (Weights moments = Weights.load(checkpoints.file(step, RewardCheckpoints.OPTIMIZER), memory)) {
                    state.optimizer.restore(moments.asMap(), info.optimizerSteps());
                }
            } else {
                state.optimizer.restore(Map.of(), info.optimizerSteps());
            }
            state.metrics.addAll(checkpoints.metrics(step));
            state.step = step;
            return state;
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    static NDManager newMemory(RewardTrainingRun run) {
        return Torch.start(run.spec().threads(), run.spec().device());
    }

    private static ModelDirectory untrained(RewardTrainingRun run) {
        return ModelDirectory.openClassifier(run.directory().resolve(RewardTrainingRun.BASE));
    }

    int step() {
        return step;
    }

    /**
     * Takes steps.
     *
     * @param end how many are taken afterwards, counted from the untrained model
     */
    void advance(int end) {
        RewardTrainingSpec spec = run.spec();
        Torch.useThreads(spec.threads());
        LearningRate rate = Settings.schedule(spec.schedule(), spec.learningRate(), run.steps());
        while (step < end) {
            double learningRate = rate.at(step);
            RewardStep taken =
                    trainer.step(weights, optimizer, batch(), learningRate, spec.clipNorm(), spec.microBatchTokens());
            step++;
            Map<String, Double> row = new LinkedHashMap<>();
            row.put("step", (double) step);
            row.put(
                    "epoch",
                    (double) step * spec.batch() / run.data().training().size());
            row.put("loss", taken.fit().loss());
            row.put("accuracy", taken.fit().accuracy());
            row.put("margin", taken.fit().margin());
            row.put("grad_norm", taken.gradNorm());
            row.put("learning_rate", learningRate);
            metrics.add(step % spec.evaluateEvery() == 0 || step == run.steps() ? withHeldOut(row) : row);
        }
    }

    private List<ScoredPair> batch() {
        List<ScoredPair> batch = new ArrayList<>();
        long first = (long) step * run.spec().batch();
        for (long position = first; position < first + run.spec().batch(); position++) {
            batch.add(run.data().training().get(order.at(position).row()));
        }
        return batch;
    }

    private Map<String, Double> withHeldOut(Map<String, Double> row) {
        if (!run.data().heldOut().isEmpty()) {
            PairFit fit = whole(
                    model -> trainer.fit(model, run.data().heldOut(), run.spec().microBatchTokens()));
            row.put("eval_loss", fit.loss());
            row.put("eval_accuracy", fit.accuracy());
            row.put("eval_margin", fit.margin());
        }
        return row;
    }

    /** Does something with the whole model, adapters merged. */
    private <T> T whole(Function<Weights, T> work) {
        if (adapter.isEmpty()) {
            return work.apply(base);
        }
        try (Weights merged = adapter.get().merged(base, weights.trained(), memory)) {
            return work.apply(merged);
        }
    }

    void save(RewardCheckpoints checkpoints) {
        Map<String, Map<String, NDArray>> files = new LinkedHashMap<>();
        files.put(file(run), weights.trained().asMap());
        if (!optimizer.state().isEmpty()) {
            files.put(RewardCheckpoints.OPTIMIZER, optimizer.state());
        }
        checkpoints.save(step, optimizer.steps(), files, metrics);
    }

    private static String file(RewardTrainingRun run) {
        return run.spec().lora().isPresent() ? RewardCheckpoints.ADAPTER : RewardCheckpoints.MODEL;
    }

    /** Writes the Hugging Face directory; adapters are merged, and in PEFT's files beside. */
    void export(Path target) {
        whole(model -> {
            directory.export(target, model);
            return true;
        });
        adapter.ifPresent(low -> AdapterDirectory.save(
                target.resolve("adapter"),
                low.config(),
                directory.config(),
                weights.trained(),
                run.spec().base()));
    }

    @Override
    public void close() {
        memory.close();
    }
}
