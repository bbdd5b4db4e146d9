package org.openstrawberry.benchmarks;

import ai.djl.ndarray.NDManager;
import java.util.List;
import java.util.Map;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.Generator;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.WritingWeights;

/** Completions of all prompts at temperature 1, each as long as allowed: no end-of-sequence token is chosen. */
final class Generation implements Repetition {
    private final NDManager memory;
    private final WritingWeights weights;
    private final Generator generator;
    private final List<GenerationRequest> requests;
    private final SamplingSettings settings;
    private int done;

    Generation(Task task) {
        ModelDirectory directory = ModelDirectory.open(task.model());
        memory = Torch.start(task.threads(), "cpu");
        Decoder decoder = task.decoder(directory);
        try (Weights loaded = directory.load(memory)) {
            weights = decoder.forWriting(loaded.asMap(), memory);
        }
        generator = new Generator(decoder, directory.eosIds());
        requests = task.work().requests();
        int length = task.work().newTokens();
        settings = new SamplingSettings(1, 0, 1, 0, length, length);
    }

    @Override
    public Map<String, Double> run() {
        List<List<Completion>> completions = generator.generate(weights, requests, settings, 0, done++);
        long tokens = completions.stream()
                .flatMap(List::stream)
                .mapToLong(completion -> completion.ids().length)
                .sum();
        long expected = (long) requests.size() * requests.get(0).branches() * settings.maxNewTokens();
        if (tokens != expected) {
            throw new IllegalStateException("generated " + tokens + " tokens, expected " + expected);
        }
        return Map.of();
    }

    @Override
    public void close() {
        memory.close();
    }
}
