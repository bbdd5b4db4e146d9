package org.openstrawberry.activities.rewards;

import ai.djl.ndarray.NDManager;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.config.ClassifierSpec;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.classification.ScoredText;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.ModelTensors;
import reactor.core.publisher.Mono;

/** Sequence-classification models on this process's tensor thread. */
public final class LocalClassifiers implements Classifier.Loader {
    private static final int BATCH_TOKENS = 8192;

    private final Tensors tensors;

    /** @param tensors where they compute, in turns with the policy */
    public LocalClassifiers(Tensors tensors) {
        this.tensors = tensors;
    }

    @Override
    public Classifier load(ClassifierSpec spec) {
        ModelDirectory directory = open(spec);
        return tensors.call(() -> {
            NDManager memory = Torch.start(spec.threads(), "cpu");
            return new Loaded(spec, directory, directory.tokenizer(), memory, directory.load(memory));
        });
    }

    /** The model's files, before any weight is read. */
    static ModelDirectory open(ClassifierSpec spec) {
        ModelDirectory directory = ModelDirectory.openClassifier(Path.of(spec.model()));
        if (directory.config().labels() != 1) {
            throw new InvalidInputException(spec.model() + ": the model has "
                    + directory.config().labels() + " labels, expected one: a reward is a single number");
        }
        return directory;
    }

    private final class Loaded implements Classifier {
        private final ClassifierSpec spec;
        private final OptionalInt eosId;
        private final Tokenizer tokenizer;
        private final NDManager memory;
        private final ModelTensors weights;
        private final org.openstrawberry.model.classification.Classifier model;

        Loaded(ClassifierSpec spec, ModelDirectory directory, Tokenizer tokenizer, NDManager memory, Weights weights) {
            this.spec = spec;
            this.eosId = ScoredText.eosId(directory);
            this.tokenizer = tokenizer;
            this.memory = memory;
            this.model = new org.openstrawberry.model.classification.Classifier(directory);
            this.weights = model.decoder().weights(weights.asMap(), memory);
        }

        @Override
        public Mono<List<Double>> scores(List<Sample> samples) {
            return tensors.mono(() -> {
                List<int[]> ids = samples.stream().map(this::ids).toList();
                Torch.useThreads(spec.threads());
                return Arrays.stream(model.scores(weights, ids, BATCH_TOKENS, memory))
                        .boxed()
                        .toList();
            });
        }

        private int[] ids(Sample sample) {
            return ScoredText.ids(tokenizer, eosId, sample.prompt(), sample.completion(), sample.ended());
        }

        @Override
        public void close() {
            tensors.call(() -> {
                memory.close();
                tokenizer.close();
                return true;
            });
        }
    }
}
