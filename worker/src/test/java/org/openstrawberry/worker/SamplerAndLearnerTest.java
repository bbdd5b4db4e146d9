package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.policy.StepFile;
import org.openstrawberry.activities.policy.TokenLogProbs;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.Generator;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.LogProbs;
import org.openstrawberry.model.training.PairLogProbs;
import org.openstrawberry.model.training.Sequence;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.worker.TrainCommandTest.Said;

/**
 * What the sampler wrote is what the learner learns from. The policy is an untrained one: its texts hold tokens that no
 * text would be encoded into.
 */
class SamplerAndLearnerTest {
    private static final int SEED = 11;
    private static final int NEW_TOKENS = 5;
    private static final int ITERATIONS = 2;
    private static final double TEMPERATURE = 0.7;
    private static final int TOP_K = 20;

    private static Path run;
    private static ModelDirectory base;
    private static Tokenizer tokenizer;

    @BeforeAll
    static void train(@TempDir Path folder) {
        TinyRun tiny = new TinyRun(folder);
        Said said = Said.by(tiny.train(
                "run",
                "seed=" + SEED,
                "warmup=null",
                "sampling.branches=8",
                "sampling.max-new-tokens=" + NEW_TOKENS,
                "sampling.temperature=" + TEMPERATURE,
                "sampling.top-k=" + TOP_K,
                "reward.verifier={kind: length, to: 2, falloff: 4}",
                "optimizer.learning-rate=1e-2",
                "until.iterations=" + ITERATIONS,
                "checkpoints={every: 1, keep-last: 5}"));
        assertThat(said.code()).as(said.err()).isZero();
        run = tiny.directory("run");
        base = ModelDirectory.open(run.resolve("policy"));
        tokenizer = base.tokenizer();
    }

    @Test
    void tokenIdsTravelFromTheSamplerToTheLearnerAndAreNeverEncodedAgain() {
        int drifting = 0;
        for (int iteration = 1; iteration <= ITERATIONS; iteration++) {
            Map<List<Integer>, ThoughtLine> thoughts = thoughts(iteration);
            Map<Integer, PromptLine> prompts = prompts(iteration);
            assertThat(pairs(iteration)).isNotEmpty();
            for (PairLine pair : pairs(iteration)) {
                ThoughtLine chosen = the(thoughts.get(List.of(pair.promptNumber(), pair.chosenBranch())));
                ThoughtLine rejected = the(thoughts.get(List.of(pair.promptNumber(), pair.rejectedBranch())));
                assertThat(pair.promptIds())
                        .isEqualTo(the(prompts.get(pair.promptNumber())).ids());
                assertThat(pair.chosenIds()).isEqualTo(chosen.ids());
                assertThat(pair.rejectedIds()).isEqualTo(rejected.ids());
                drifting += drifts(chosen) || drifts(rejected) ? 1 : 0;
            }
        }
        // Else this would show nothing: text and ids would say the same.
        assertThat(drifting).isPositive();
    }

    /** Whether the text, encoded again, is another sequence of tokens. */
    private static boolean drifts(ThoughtLine thought) {
        int[] again = tokenizer.encodeWithout(thought.text());
        return !Arrays.equals(again, Arrays.copyOf(thought.ids(), thought.ids().length - (thought.ended() ? 1 : 0)));
    }

    @Test
    void aThoughtThatWasCutOffIsTrainedOnWithoutAnEndToken() {
        int cutOff = 0;
        for (int iteration = 1; iteration <= ITERATIONS; iteration++) {
            for (PairLine pair : pairs(iteration)) {
                for (int[] ids : List.of(pair.chosenIds(), pair.rejectedIds())) {
                    boolean ended = base.eosIds().contains(ids[ids.length - 1]);
                    assertThat(ended || ids.length == NEW_TOKENS).isTrue();
                    cutOff += ended ? 0 : 1;
                }
            }
        }
        assertThat(cutOff).isPositive();
    }

    @Test
    void theLearnersLogProbsAreThoseOfTemperatureOneWhateverItWasSampledAt() {
        List<Sequence> chosen = pairs(1).stream()
                .map(pair -> new Sequence(pair.promptIds(), pair.chosenIds()))
                .toList();
        try (NDManager memory = Torch.start(1, "cpu")) {
            Weights sampled = checkpoint(0, memory);
            double[] expected = new LogProbs(new Decoder(base.config())).sums(sampled, chosen, 1_000);

            StepFile step = Json.read(run.resolve("iterations/000001/step.json"), StepFile.class);

            double[] found = step.logps().orElseThrow().stream()
                    .mapToDouble(pair -> pair.policyChosen())
                    .toArray();
            assertThat(found).containsExactly(expected, within(1e-4));
        }
    }

    @Test
    void theStepKeepsTheLogProbsOfEachTokenToFourDecimals() {
        StepFile step = Json.read(run.resolve("iterations/000002/step.json"), StepFile.class);
        List<PairLine> pairs = pairs(2);
        List<TokenLogProbs> tokens = step.tokens().orElseThrow();

        assertThat(tokens).hasSameSizeAs(pairs);
        for (int i = 0; i < pairs.size(); i++) {
            TokenLogProbs found = tokens.get(i);
            PairLogProbs sums = step.logps().orElseThrow().get(i);
            assertThat(found.policyChosen()).hasSize(pairs.get(i).chosenIds().length);
            assertThat(found.policyRejected()).hasSize(pairs.get(i).rejectedIds().length);
            assertThat(sum(found.policyChosen())).isCloseTo(sums.policyChosen(), within(1e-3));
            assertThat(sum(found.policyRejected())).isCloseTo(sums.policyRejected(), within(1e-3));
            assertThat(sum(found.referenceChosen())).isCloseTo(sums.referenceChosen(), within(1e-3));
            assertThat(sum(found.referenceRejected())).isCloseTo(sums.referenceRejected(), within(1e-3));
            for (double value : found.policyChosen()) {
                assertThat(value * 1e4).isCloseTo(Math.rint(value * 1e4), within(1e-6));
            }
        }
    }

    private static double sum(double[] values) {
        return Arrays.stream(values).sum();
    }

    @Test
    void theGapBetweenSamplerAndLearnerIsLoggedAndIsRounding() {
        for (int iteration = 1; iteration <= ITERATIONS; iteration++) {
            Map<String, Double> metrics = Json.read(
                            run.resolve("iterations/00000" + iteration + "/step.json"), StepFile.class)
                    .metrics();
            assertThat(metrics.getOrDefault("sampling/sampling_logp_difference/mean", Double.NaN))
                    .isBetween(0.0, 1e-5);
            assertThat(metrics.getOrDefault("sampling/sampling_logp_difference/max", Double.NaN))
                    .isBetween(1e-9, 1e-4);
        }
    }

    @Test
    void theSamplersWeightsAreTheLearnersAfterItsLastStep() {
        List<GenerationRequest> wave = prompts(2).values().stream()
                .sorted((one, other) -> Integer.compare(one.prompt(), other.prompt()))
                .map(line -> new GenerationRequest(line.prompt(), line.ids(), 8))
                .toList();
        SamplingSettings sampling = new SamplingSettings(TEMPERATURE, TOP_K, 1, 0, NEW_TOKENS);
        Map<List<Integer>, ThoughtLine> thoughts = thoughts(2);
        try (NDManager memory = Torch.start(1, "cpu")) {
            assertThat(ids(wave, generated(checkpoint(1, memory), wave, sampling)))
                    .isEqualTo(wrote(thoughts))
                    .isNotEqualTo(ids(wave, generated(checkpoint(0, memory), wave, sampling)));
        }
    }

    private static List<List<Completion>> generated(
            Weights weights, List<GenerationRequest> wave, SamplingSettings sampling) {
        return new Generator(new Decoder(base.config()), base.eosIds())
                .generate(weights, wave, sampling, Philox.seed(SEED, "thoughts"), 2);
    }

    private static Map<List<Integer>, String> ids(List<GenerationRequest> wave, List<List<Completion>> completions) {
        return IntStream.range(0, wave.size())
                .boxed()
                .flatMap(i -> IntStream.range(0, completions.get(i).size())
                        .mapToObj(branch -> Map.entry(
                                List.of(wave.get(i).prompt(), branch),
                                Arrays.toString(completions.get(i).get(branch).ids()))))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    private static Map<List<Integer>, String> wrote(Map<List<Integer>, ThoughtLine> thoughts) {
        return thoughts.entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey,
                        entry -> Arrays.toString(entry.getValue().ids())));
    }

    private static <T> T the(@Nullable T line) {
        return Objects.requireNonNull(line, "the log names a line that is not there");
    }

    private static Weights checkpoint(int iteration, NDManager memory) {
        return Weights.load(run.resolve("checkpoints/00000" + iteration + "/policy.safetensors"), memory);
    }

    private static Map<Integer, PromptLine> prompts(int iteration) {
        return lines(iteration, "prompts.jsonl", PromptLine.class).stream()
                .collect(Collectors.toMap(PromptLine::prompt, Function.identity()));
    }

    private static List<PairLine> pairs(int iteration) {
        return lines(iteration, "pairs.jsonl", PairLine.class);
    }

    private static Map<List<Integer>, ThoughtLine> thoughts(int iteration) {
        List<ThoughtLine> all = new ArrayList<>();
        for (String shard : List.of("thoughts-00.jsonl", "thoughts-01.jsonl")) {
            all.addAll(lines(iteration, shard, ThoughtLine.class));
        }
        return all.stream()
                .collect(Collectors.toMap(line -> List.of(line.prompt(), line.branch()), Function.identity()));
    }

    private static <T> List<T> lines(int iteration, String file, Class<T> type) {
        return Json.readLines(run.resolve("iterations/00000" + iteration + "/" + file), type);
    }
}
