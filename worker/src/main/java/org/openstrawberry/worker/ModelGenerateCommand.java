package org.openstrawberry.worker;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.Generator;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.WritingWeights;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Completions of given prompts. */
@Command(
        name = "generate",
        mixinStandardHelpOptions = true,
        description = {
            "Complete prompts, greedily or by sampling.",
            "Input, a line: {\"ids\": […]} or {\"prompt\": \"…\"} or {\"messages\": […]}.",
            "Output, a line: {\"ids\": […], \"completion_ids\": […], \"completion\": \"…\"}."
        })
final class ModelGenerateCommand implements Callable<Integer> {
    @Mixin
    private ModelTool tool = new ModelTool();

    @Option(
            names = "--max-new-tokens",
            required = true,
            paramLabel = "N",
            description = "Longest completion, its end-of-sequence token included.")
    private int maxNewTokens;

    @Option(names = "--greedy", description = "Take the likeliest token each time.")
    private boolean greedy;

    @Option(names = "--temperature", paramLabel = "T", description = "Divides the scores. Default: 1")
    private @Nullable Double temperature;

    @Option(names = "--top-k", paramLabel = "K", description = "Sample from the K likeliest tokens. Default: 0, all")
    private @Nullable Integer topK;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            description = "Sample from the likeliest tokens that have this probability together. Default: 1, all")
    private @Nullable Double topP;

    @Option(
            names = "--min-p",
            paramLabel = "P",
            description = "Sample from the tokens that have this share of the likeliest one's. Default: 0, all")
    private @Nullable Double minP;

    @Option(names = "--seed", paramLabel = "S", description = "Of the samples. Default: 0")
    private @Nullable Long seed;

    @Option(
            names = "--ignore-eos",
            description = "End-of-sequence tokens compete as any other, and end nothing: every completion has"
                    + " --max-new-tokens.")
    private boolean ignoreEos;

    @Override
    public Integer call() {
        SamplingSettings settings = settings();
        ModelDirectory directory = ModelDirectory.open(tool.model());
        List<JsonlInput.Line> lines = tool.read();
        try (Tokenizer tokenizer = directory.tokenizer()) {
            List<int[]> prompts =
                    ModelTool.ids(directory, lines, maxNewTokens, line -> ids(directory, tokenizer, line));
            try (NDManager memory = tool.start()) {
                Weights weights = directory.load(memory);
                List<ObjectNode> answers = new ArrayList<>();
                for (Completion completion : completions(directory, weights, prompts, settings)) {
                    ObjectNode line = JsonlOutput.line();
                    ModelScoreCommand.put(line.putArray("ids"), prompts.get(answers.size()));
                    ModelScoreCommand.put(line.putArray("completion_ids"), completion.ids());
                    answers.add(line.put("completion", tokenizer.decode(completion.ids())));
                }
                JsonlOutput.write(tool.output(), answers);
            }
        }
        return 0;
    }

    private SamplingSettings settings() {
        if (greedy) {
            JsonlInput.refuseWith(
                    "--greedy",
                    Map.of(
                            "--temperature", Optional.ofNullable(temperature),
                            "--top-k", Optional.ofNullable(topK),
                            "--top-p", Optional.ofNullable(topP),
                            "--min-p", Optional.ofNullable(minP),
                            "--seed", Optional.ofNullable(seed)));
        }
        try {
            return greedy
                    ? SamplingSettings.greedy(maxNewTokens)
                    : new SamplingSettings(
                            temperature == null ? 1 : temperature,
                            topK == null ? 0 : topK,
                            topP == null ? 1 : topP,
                            minP == null ? 0 : minP,
                            maxNewTokens);
        } catch (IllegalArgumentException e) {
            throw new InvalidInputException("sampling: " + e.getMessage(), e);
        }
    }

    private static int[] ids(ModelDirectory directory, Tokenizer tokenizer, JsonlInput.Line line) {
        return switch (line.oneOf(List.of("ids", "prompt", "messages"))) {
            case "ids" -> line.ids("ids", directory.config().vocabSize());
            case "messages" -> ModelTool.chat(directory, tokenizer, line.messages("messages"), true);
            default -> tokenizer.encode(line.text("prompt"));
        };
    }

    /** A completion each; waves are neighbouring lines, as many as the budget holds. */
    private List<Completion> completions(
            ModelDirectory directory, Weights weights, List<int[]> prompts, SamplingSettings settings) {
        Decoder decoder = tool.decoder(directory);
        Generator generator = new Generator(decoder, ignoreEos ? Set.of() : directory.eosIds());
        try (WritingWeights prepared = decoder.forWriting(weights.asMap(), weights.newSubManager())) {
            return completions(generator, prepared, prompts, settings);
        }
    }

    private List<Completion> completions(
            Generator generator, WritingWeights weights, List<int[]> prompts, SamplingSettings settings) {
        List<Completion> completions = new ArrayList<>();
        List<GenerationRequest> wave = new ArrayList<>();
        int longest = 0;
        for (int i = 0; i < prompts.size(); i++) {
            int length = Math.max(longest, prompts.get(i).length + maxNewTokens);
            if (!wave.isEmpty() && (long) length * (wave.size() + 1) > tool.batchTokens()) {
                completions.addAll(completed(generator, weights, wave, settings));
                wave.clear();
                length = prompts.get(i).length + maxNewTokens;
            }
            longest = length;
            wave.add(new GenerationRequest(i, prompts.get(i), 1));
        }
        completions.addAll(completed(generator, weights, wave, settings));
        return completions;
    }

    private List<Completion> completed(
            Generator generator, WritingWeights weights, List<GenerationRequest> wave, SamplingSettings settings) {
        return generator.generate(weights, wave, settings, seed == null ? 0 : seed, 0).stream()
                .map(branches -> branches.get(0))
                .toList();
    }
}
