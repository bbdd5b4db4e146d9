package org.openstrawberry.worker;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.ObjIntConsumer;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.policy.Checkpoints;
import org.openstrawberry.activities.policy.Settings;
import org.openstrawberry.activities.rewards.LocalClassifiers;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.model.Torch;
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
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Prints what a policy says. */
@Command(name = "ask", mixinStandardHelpOptions = true, description = "Print completions of a trained or base policy.")
final class AskCommand implements Callable<Integer> {
    /** Tokens of an answer where nobody says how many. */
    private static final int USUAL = 64;

    @Parameters(index = "0", paramLabel = "DIR", description = "A run directory or a model directory.")
    private @Nullable Path directory;

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "PROMPT",
            description = "Without it, one a line from standard input.")
    private @Nullable String prompt;

    @Option(
            names = "--samples",
            paramLabel = "N",
            description = "Completions a prompt; more than one are sampled at temperature 1.")
    private int samples = 1;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            description = "0 takes the likeliest token; with --search tree by default the run's.")
    private @Nullable Double temperature;

    @Option(
            names = "--max-new-tokens",
            paramLabel = "N",
            description = "Default: " + USUAL
                    + ", fewer where the model's positions leave no more; with --search tree the run's.")
    private @Nullable Integer maxNewTokens;

    @Option(names = "--seed", paramLabel = "S", description = "Of the samples, or of the tree.")
    private long seed;

    @Option(names = "--base", description = "The run's policy before the first iteration.")
    private boolean base;

    /** How an answer is found. */
    enum Search {
        FLAT,
        TREE
    }

    /** What a thought of a tree is worth. */
    enum Value {
        VOTE,
        REWARD
    }

    @Option(
            names = "--search",
            paramLabel = "HOW",
            description = "flat, or tree: the run's search over steps, with its settings; its best thought is printed.")
    private Search search = Search.FLAT;

    @Option(
            names = "--value",
            paramLabel = "WHAT",
            description =
                    "Of a tree's thoughts: vote, by how many come to the same answer (default), or reward, the run's.")
    private @Nullable Value value;

    @Option(
            names = "--fields",
            paramLabel = "JSON",
            description = "The prompt's fields, for --value reward, such as '{\"answer\": 3}'.")
    private @Nullable String fields;

    @Override
    public Integer call() throws Exception {
        if (directory == null) {
            throw new IllegalStateException("the command line lets no required parameter pass");
        }
        if (samples < 1
                || (maxNewTokens != null && maxNewTokens < 1)
                || (temperature != null && !(temperature >= 0 && temperature < Double.POSITIVE_INFINITY))) {
            throw new InvalidInputException(
                    "--samples and --max-new-tokens must be at least 1, --temperature at least 0");
        }
        if (search == Search.TREE) {
            return searchTree(directory);
        }
        if (value != null || fields != null) {
            throw new InvalidInputException("--value and --fields are for --search tree");
        }
        Source source = source(directory, base);
        try (NDManager memory = Torch.start(1, "cpu");
                Tokenizer tokenizer = source.model().tokenizer()) {
            Decoder decoder = new Decoder(source.model().config());
            WritingWeights weights =
                    decoder.forWriting(source.weights().apply(memory).asMap(), memory);
            Generator generator = new Generator(decoder, source.model().eosIds());
            int positions = source.model().config().maxPositionEmbeddings();
            each((text, number) -> answer(generator, weights, tokenizer, positions, text, number));
            return 0;
        }
    }

    /** Hands on the prompt, or the lines of standard input, each as soon as it is there. */
    private void each(ObjIntConsumer<String> answer) throws IOException {
        if (prompt != null) {
            answer.accept(prompt, 0);
            return;
        }
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        int number = 0;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            answer.accept(line, number++);
        }
    }

    private void answer(
            Generator generator, WritingWeights weights, Tokenizer tokenizer, int positions, String text, int number) {
        double heat = temperature != null ? temperature : samples > 1 ? 1 : 0;
        int[] ids = tokenizer.encode(text);
        SamplingSettings settings = new SamplingSettings(heat, 0, 1, 0, newTokens(ids.length, positions));
        GenerationRequest request = new GenerationRequest(number, ids, samples);
        for (Completion completion :
                generator.generate(weights, List.of(request), settings, seed, 0).get(0)) {
            System.out.println(tokenizer.decode(completion.ids()));
        }
    }

    private int searchTree(Path directory) throws IOException {
        if (!Files.exists(directory.resolve(RunLayout.RUN_FILE))) {
            throw new InvalidInputException(
                    directory + ": not a run directory; --search tree needs one, for its settings");
        }
        if (samples > 1) {
            throw new InvalidInputException("--samples: found " + samples + ", expected 1 with --search tree");
        }
        boolean rewarded = value == Value.REWARD;
        if (fields != null && !rewarded) {
            throw new InvalidInputException("--fields is for --value reward");
        }
        if (temperature != null && temperature == 0) {
            throw new InvalidInputException(
                    "--temperature: found 0, expected more with --search tree, whose thoughts would all be the same");
        }
        Source source = source(directory, base);
        RunSpec spec = new Run(directory).spec();
        if (rewarded && spec.reward().comparesBranches()) {
            throw new InvalidInputException(
                    "--value reward: the run's reward only compares thoughts; --value vote does without it");
        }
        SamplingSpec sampling =
                TreeAnswer.sampling(spec, Optional.ofNullable(maxNewTokens), Optional.ofNullable(temperature));
        Map<String, JsonNode> known = fields == null ? Map.of() : read(fields);
        try (NDManager memory = Torch.start(spec.model().threads(), "cpu");
                Tensors tensors = new Tensors();
                Rewards rewards = new Rewards(new LocalClassifiers(tensors));
                Tokenizer tokenizer = source.model().tokenizer()) {
            WritingWeights weights = new Decoder(
                            source.model().config(),
                            Settings.precision(spec.model().dtype()))
                    .forWriting(source.weights().apply(memory).asMap(), memory);
            int positions = source.model().config().maxPositionEmbeddings();
            TreeAnswer answers = new TreeAnswer(
                    spec,
                    sampling,
                    source.model(),
                    weights,
                    tokenizer,
                    seed,
                    rewarded ? Optional.of(rewards.apply(spec.reward().absolute())) : Optional.empty());
            each((text, number) -> {
                int[] ids = tokenizer.encode(text);
                requireRoom(ids.length, sampling.maxNewTokens(), positions);
                System.out.println(answers.answer(number, text, ids, known));
            });
        }
        return 0;
    }

    private static Map<String, JsonNode> read(String json) {
        try {
            return new ObjectMapper().readValue(json, new TypeReference<>() {});
        } catch (JsonProcessingException e) {
            throw new InvalidInputException("--fields: expected a JSON object, found " + json, e);
        }
    }

    /** What may be written after a prompt. */
    private int newTokens(int tokens, int positions) {
        int wanted = maxNewTokens != null ? maxNewTokens : Math.max(1, Math.min(USUAL, positions - tokens));
        requireRoom(tokens, wanted, positions);
        return wanted;
    }

    private static void requireRoom(int tokens, int wanted, int positions) {
        if (tokens + wanted > positions) {
            throw new InvalidInputException("the prompt has " + tokens + " tokens; expected at most "
                    + (positions - wanted) + ", the model's positions less --max-new-tokens");
        }
    }

    private record Source(ModelDirectory model, Function<NDManager, Weights> weights) {}

    private static Source ofModel(Path directory) {
        ModelDirectory model = ModelDirectory.open(directory);
        return new Source(model, model::load);
    }

    private static Source source(Path directory, boolean base) {
        Path runFile = directory.resolve(RunLayout.RUN_FILE);
        Path policy = directory.resolve(RunLayout.POLICY);
        if (!Files.exists(runFile)) {
            if (base) {
                throw new InvalidInputException(directory + ": not a run directory; --base needs one");
            }
            return ofModel(directory);
        }
        if (!base && Files.isDirectory(policy)) {
            return ofModel(policy);
        }
        Checkpoints checkpoints = new Checkpoints(directory);
        int iteration = checkpoints
                .newestWhole(base ? 0 : Integer.MAX_VALUE)
                .orElseThrow(() -> new InvalidInputException(
                        directory + ": the run has no policy yet; expected a checkpoint after its warm-up"));
        Run run = new Run(directory);
        return new Source(run.base(), memory -> checkpoints.policy(run, iteration, memory));
    }
}
