package org.openstrawberry.model.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.Logits;
import org.openstrawberry.model.transformer.Tensors;
import org.openstrawberry.model.transformer.TinyModel;
import org.openstrawberry.model.transformer.VectorModel;
import org.openstrawberry.model.transformer.Writing;

class GeneratorTest {
    private static final SamplingSettings SAMPLED = new SamplingSettings(1, 0, 1, 0, 12);
    private static final int EOS = 3;

    private NDManager manager;

    static List<String> models() {
        return Vectors.languageModels();
    }

    @BeforeEach
    void start() {
        manager = Torch.start(1, "cpu");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @MethodSource("models")
    void greedyContinuationsAreTheReferences(String name) {
        assertGreedyAreTheReferences(new VectorModel(name), 2);
    }

    @ParameterizedTest
    @MethodSource("models")
    void soAreThoseOfBranchesThatShareTheirPrompt(String name) {
        VectorModel model = new VectorModel(name);
        int promptTokens = Vectors.ids(model.at("/greedy/0/prompt")).length;
        assertGreedyAreTheReferences(
                model, sharing(model.decoder().config(), model.at("/greedy").size(), promptTokens));
    }

    /** So many branches of each prompt that they share its keys and values. */
    private static int sharing(ModelConfig config, int prompts, int promptTokens) {
        long rows = Writing.WORTH_SHARING / (4L * promptTokens * config.kvHeads() * config.headDim());
        return Math.toIntExact(2 + rows / prompts);
    }

    private void assertGreedyAreTheReferences(VectorModel model, int branches) {
        Weights weights = model.weights(manager);
        JsonNode cases = model.at("/greedy");
        Set<Integer> eosIds =
                Arrays.stream(Vectors.ids(model.at("/eos_ids"))).boxed().collect(Collectors.toSet());
        Generator generator = new Generator(model.decoder(), eosIds);
        List<GenerationRequest> wave = IntStream.range(0, cases.size())
                .mapToObj(i -> new GenerationRequest(i, Vectors.ids(cases.at("/" + i + "/prompt")), branches))
                .toList();
        // The reference never chooses an end token.
        SamplingSettings unending = new SamplingSettings(0, 0, 1, 0, 24, 24);
        List<List<Completion>> found = generator.generate(weights, wave, unending, 0, 0);
        for (int i = 0; i < cases.size(); i++) {
            int[] expected = Vectors.ids(cases.at("/" + i + "/completion"));
            for (Completion completion : found.get(i)) {
                assertThat(completion.ids()).containsExactly(expected);
            }
        }
    }

    @Test
    void branchesThatShareTheirPromptHaveTheLogProbsOfOnePass() {
        Tiny tiny = new Tiny(8);
        int[] longer = IntStream.range(0, 60).map(i -> 4 + i * i % 9).toArray();
        int[] shorter = Arrays.copyOfRange(longer, 20, 45);
        int branches = sharing(tiny.config, 2, 60);
        List<GenerationRequest> wave =
                List.of(new GenerationRequest(0, longer, branches), new GenerationRequest(1, shorter, branches));
        List<List<Completion>> found = tiny.generate(wave, SAMPLED, 5, 1);
        assertThat(found.get(0)).anyMatch(completion -> completion.ids().length < 4);
        for (int i = 0; i < wave.size(); i++) {
            for (int branch = 0; branch < branches; branch += branches / 8) {
                assertLogProbsAreOfOnePass(
                        tiny, wave.get(i).promptIds(), found.get(i).get(branch));
            }
        }
    }

    private void assertLogProbsAreOfOnePass(Tiny tiny, int[] prompt, Completion completion) {
        int[] whole = Arrays.copyOf(prompt, prompt.length + completion.ids().length);
        System.arraycopy(completion.ids(), 0, whole, prompt.length, completion.ids().length);
        for (int t = 0; t < completion.ids().length; t++) {
            int[] before = Arrays.copyOf(whole, prompt.length + t);
            float[] last = Logits.last(new Decoder(tiny.config), tiny.weights.asMap(), manager, before);
            float expected = Tensors.floats(manager, last, new Shape(last.length))
                    .logSoftmax(-1)
                    .getFloat(completion.ids()[t]);
            assertThat(completion.logProbs()[t]).isCloseTo(expected, within(1e-5f));
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void samplingProbabilitiesAreTheReferences(String name) {
        VectorModel model = new VectorModel(name);
        int[] prompt = Vectors.ids(model.at("/sampling/prompt"));
        float[] last = Logits.last(model.decoder(), model.weights(manager).asMap(), manager, prompt);
        NDArray logits = Tensors.floats(manager, last, new Shape(1, last.length));
        assertProbabilities(model, "temperature_0.7", new SamplingSettings(0.7, 0, 1, 0, 1), logits);
        assertProbabilities(model, "top_k_5", new SamplingSettings(1, 5, 1, 0, 1), logits);
        assertProbabilities(model, "top_p_0.8", new SamplingSettings(1, 0, 0.8, 0, 1), logits);
        assertProbabilities(model, "min_p_0.05", new SamplingSettings(1, 0, 1, 0.05, 1), logits);
        assertProbabilities(model, "combined", new SamplingSettings(0.7, 5, 0.8, 0.05, 1), logits);
    }

    private void assertProbabilities(VectorModel model, String name, SamplingSettings settings, NDArray logits) {
        assertThat(SamplingTest.probabilities(settings, logits))
                .as(name)
                .containsExactly(model.floats("sampling." + name, manager), within(1e-5f));
    }

    @Test
    void aBranchIsAFunctionOfItsCoordinatesWhateverElseIsInTheWave() {
        Tiny tiny = new Tiny(1);
        GenerationRequest one = new GenerationRequest(5, new int[] {1, 2, 4}, 3);
        GenerationRequest other = new GenerationRequest(9, new int[] {6, 7, 8, 9, 10}, 4);
        List<List<Completion>> alone = tiny.generate(List.of(one), SAMPLED, 7, 2);
        List<List<Completion>> together = tiny.generate(List.of(other, one), SAMPLED, 7, 2);
        assertThat(together.get(1))
                .extracting(Completion::ids)
                .containsExactlyElementsOf(
                        alone.get(0).stream().map(Completion::ids).toList());
        assertThat(together.get(0)).hasSize(4);
    }

    @Test
    void sameCallTwiceGivesTheSameCompletions() {
        Tiny tiny = new Tiny(2);
        List<GenerationRequest> wave =
                List.of(new GenerationRequest(0, new int[] {1}, 8), new GenerationRequest(1, new int[] {2, 4, 5}, 8));
        assertThat(tiny.generate(wave, SAMPLED, 1, 1)).isEqualTo(tiny.generate(wave, SAMPLED, 1, 1));
    }

    @Test
    void seedIterationPromptAndBranchEachChangeTheDraw() {
        Tiny tiny = new Tiny(3);
        int[] ids = {1, 2};
        Completion base = tiny.generate(List.of(new GenerationRequest(0, ids, 1)), SAMPLED, 1, 1)
                .get(0)
                .get(0);
        assertThat(tiny.generate(List.of(new GenerationRequest(0, ids, 1)), SAMPLED, 2, 1)
                        .get(0))
                .doesNotContain(base);
        assertThat(tiny.generate(List.of(new GenerationRequest(0, ids, 1)), SAMPLED, 1, 2)
                        .get(0))
                .doesNotContain(base);
        assertThat(tiny.generate(List.of(new GenerationRequest(1, ids, 1)), SAMPLED, 1, 1)
                        .get(0))
                .doesNotContain(base);
        assertThat(tiny.generate(List.of(new GenerationRequest(0, ids, 2)), SAMPLED, 1, 1)
                        .get(0)
                        .get(1))
                .isNotEqualTo(base);
    }

    @Test
    void theEndTokenEndsACompletionAndStandsNowhereElse() {
        Tiny tiny = new Tiny(4);
        List<Completion> completions = tiny.generate(
                        List.of(new GenerationRequest(0, new int[] {1, 2}, 64)), SAMPLED, 3, 0)
                .get(0);
        assertThat(completions).hasSize(64);
        assertThat(completions).anyMatch(Completion::ended).anyMatch(completion -> !completion.ended());
        for (Completion completion : completions) {
            int last = completion.ids().length - 1;
            assertThat(Arrays.stream(completion.ids()).limit(last)).doesNotContain(EOS);
            assertThat(completion.ids()[last] == EOS).isEqualTo(completion.ended());
            assertThat(completion.ended() || completion.ids().length == SAMPLED.maxNewTokens())
                    .isTrue();
        }
    }

    @Test
    void everyTokenOfASetOfEndTokensEnds() {
        Tiny tiny = new Tiny(4);
        List<Completion> completions = new Generator(new Decoder(tiny.config), Set.of(3, 4, 5, 6))
                .generate(tiny.weights, List.of(new GenerationRequest(0, new int[] {1, 2}, 64)), SAMPLED, 3, 0)
                .get(0);
        assertThat(completions.stream()
                        .filter(Completion::ended)
                        .map(completion -> completion.ids()[completion.ids().length - 1])
                        .distinct())
                .containsExactlyInAnyOrder(3, 4, 5, 6);
    }

    @Test
    void noEndTokenIsChosenBeforeTheLeastLength() {
        Tiny tiny = new Tiny(4);
        SamplingSettings settings = new SamplingSettings(1, 0, 1, 0, 5, 12);
        List<Completion> completions = tiny.generate(
                        List.of(new GenerationRequest(0, new int[] {1, 2}, 64)), settings, 3, 0)
                .get(0);
        assertThat(completions).allMatch(completion -> completion.ids().length > 5);
        assertThat(completions).anyMatch(Completion::ended);
    }

    @Test
    void oneNewTokenIsEnough() {
        Tiny tiny = new Tiny(6);
        SamplingSettings one = new SamplingSettings(1, 0, 1, 0, 1);
        List<Completion> completions = tiny.generate(List.of(new GenerationRequest(0, new int[] {1}, 32)), one, 1, 1)
                .get(0);
        assertThat(completions).allMatch(completion -> completion.ids().length == 1);
    }

    @Test
    void sampledFrequenciesFollowTheProbabilities() {
        Tiny tiny = new Tiny(7);
        SamplingSettings one = new SamplingSettings(1, 0, 1, 0, 1);
        int draws = 20_000;
        List<Completion> completions = tiny.generate(
                        List.of(new GenerationRequest(0, new int[] {1, 2}, draws)), one, 1, 1)
                .get(0);
        float[] last = Logits.last(new Decoder(tiny.config), tiny.weights.asMap(), manager, 1, 2);
        float[] expected = Tensors.floats(manager, last, new Shape(last.length))
                .softmax(-1)
                .toFloatArray();
        for (int token = 0; token < expected.length; token++) {
            int id = token;
            double share = completions.stream()
                            .filter(completion -> completion.ids()[0] == id)
                            .count()
                    / (double) draws;
            // Five standard deviations of a binomial share.
            double tolerance = 5 * Math.sqrt(expected[token] * (1 - expected[token]) / draws);
            assertThat(share).as("token " + token).isCloseTo(expected[token], within(tolerance));
        }
    }

    @Test
    void anEmptyWaveGivesNothing() {
        assertThat(new Tiny(1).generate(List.of(), SAMPLED, 1, 1)).isEmpty();
    }

    @Test
    void anIdOutsideTheVocabularyIsRefused() {
        Tiny tiny = new Tiny(1);
        List<GenerationRequest> wave = List.of(new GenerationRequest(4, new int[] {13}, 1));
        assertThatThrownBy(() -> tiny.generate(wave, SAMPLED, 1, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("prompt 4 holds token 13; the model has 0 to 12");
    }

    /** A tiny model and its generator. */
    private final class Tiny {
        final ModelConfig config = TinyModel.config();
        final Weights weights;

        Tiny(long seed) {
            weights = TinyModel.weights(config, seed, manager);
        }

        List<List<Completion>> generate(
                List<GenerationRequest> wave, SamplingSettings settings, long seed, long iteration) {
            return new Generator(new Decoder(config), Set.of(EOS)).generate(weights, wave, settings, seed, iteration);
        }
    }
}
