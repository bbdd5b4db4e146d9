package org.openstrawberry.model.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.Generator;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.safetensors.SafetensorsFile;

/** What transformers computes on models that use each option of a family; tools/family-vectors made them. */
class FamilyTest {
    private static final int LENGTH = 40;
    private static final float LOGITS = 1e-4f;

    private NDManager manager;

    static List<String> models() {
        return Vectors.families();
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
    void logitsAreTheReferences(String name) {
        Model model = new Model(name);
        int[][] rows = model.rows();
        assertThat(Logits.of(model.decoder, model.weights.asMap(), manager, rows))
                .containsExactly(model.floats("logits"), within(LOGITS));
    }

    @ParameterizedTest
    @MethodSource("models")
    void logitsBehindPaddingAreTheReferences(String name) {
        Model model = new Model(name);
        int[] ids = Arrays.copyOf(model.rows()[0], 20);
        assertThat(Logits.of(model.decoder, model.weights.asMap(), manager, ids))
                .containsExactly(model.floats("left"), within(LOGITS));
    }

    @ParameterizedTest
    @MethodSource("models")
    void logProbsInBfloat16AreNearTheReferences(String name) {
        Model model = new Model(name);
        int[][] rows = model.rows();
        float[] whole = logProbs(model, model.decoder, rows);
        float[] half = logProbs(model, new Decoder(model.config, Precision.BFLOAT16), rows);
        double square = 0;
        for (int i = 0; i < whole.length; i++) {
            square += Math.pow(whole[i] - (double) half[i], 2);
        }
        // Eight bits are a rounding of half a percent in each product.
        assertThat(Math.sqrt(square / whole.length)).isBetween(1e-6, 0.15);
    }

    private float[] logProbs(Model model, Decoder decoder, int[][] rows) {
        List<int[]> prompts =
                Arrays.stream(rows).map(row -> Arrays.copyOf(row, 12)).toList();
        List<int[]> rest = Arrays.stream(rows)
                .map(row -> Arrays.copyOfRange(row, 12, LENGTH))
                .toList();
        TokenBatch batch = TokenBatch.of(prompts, rest, model.config.vocabSize(), manager);
        try (Pass pass =
                decoder.pass(decoder.weights(model.weights.asMap(), manager), batch, Pass.Keep.NOTHING, manager)) {
            return pass.logProbs();
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void greedyContinuationsPastTheWindowAreTheReferences(String name) {
        Model model = new Model(name);
        int[] prompt = Arrays.stream(model.longs("ids"))
                .limit(12)
                .mapToInt(Math::toIntExact)
                .toArray();
        int[] expected =
                Arrays.stream(model.longs("greedy")).mapToInt(Math::toIntExact).toArray();
        // Among shorter and longer prompts, so that its cache is padded.
        List<GenerationRequest> wave = List.of(
                new GenerationRequest(0, new int[] {5}, 1),
                new GenerationRequest(1, prompt, 2),
                new GenerationRequest(2, new int[23], 1));
        assertThat(new Generator(model.decoder, Set.of())
                        .generate(model.weights, wave, SamplingSettings.greedy(24), 0, 0)
                        .get(1))
                .extracting(Completion::ids)
                .containsExactly(expected, expected);
    }

    /** What a writer says of its own tokens is what a pass over the finished text finds, past the window too. */
    @ParameterizedTest
    @MethodSource("models")
    void tokenByTokenWithACacheEqualsAllAtOncePastTheWindow(String name) {
        Model model = new Model(name);
        assertThat(largestGap(model, model.decoder)).isLessThan(LOGITS);
    }

    @ParameterizedTest
    @MethodSource("models")
    void tokenByTokenInBfloat16IsNearAllAtOnce(String name) {
        Model model = new Model(name);
        assertThat(largestGap(model, new Decoder(model.config, Precision.BFLOAT16)))
                .isBetween(1e-6, 0.5);
    }

    /** Between the log-probabilities of a writer and of a pass, of any token. */
    private double largestGap(Model model, Decoder decoder) {
        int[][] rows = model.rows();
        List<GenerationRequest> wave = List.of(
                new GenerationRequest(0, Arrays.copyOf(rows[0], 3), 2),
                new GenerationRequest(1, Arrays.copyOf(rows[1], 11), 2),
                new GenerationRequest(2, Arrays.copyOf(rows[2], 9), 2));
        List<List<Completion>> written = new Generator(decoder, Set.of(1, 2, 3))
                .generate(model.weights, wave, new SamplingSettings(1, 0, 1, 0, 40), 7, 0);
        List<int[]> prompts = new ArrayList<>();
        List<Completion> completions = new ArrayList<>();
        for (int i = 0; i < wave.size(); i++) {
            for (Completion completion : written.get(i)) {
                prompts.add(wave.get(i).promptIds());
                completions.add(completion);
            }
        }
        List<int[]> ids = completions.stream().map(Completion::ids).toList();
        TokenBatch batch = TokenBatch.of(prompts, ids, model.config.vocabSize(), manager);
        double largest = 0;
        try (Pass pass =
                decoder.pass(decoder.weights(model.weights.asMap(), manager), batch, Pass.Keep.NOTHING, manager)) {
            float[][] found = batch.byText(pass.logProbs());
            for (int i = 0; i < found.length; i++) {
                for (int t = 0; t < found[i].length; t++) {
                    largest = Math.max(largest, Math.abs(completions.get(i).logProbs()[t] - found[i][t]));
                }
            }
        }
        return largest;
    }

    /** Of rows that share prompts, of unequal lengths and past the window; and of the same texts apart. */
    @ParameterizedTest
    @MethodSource("models")
    void gradientsOfAllTensorsAreThoseOfAutomaticDifferentiation(String name) {
        Model model = new Model(name);
        int[] text = model.rows()[0];
        int[] other = model.rows()[1];
        List<int[]> prompts = List.of(
                Arrays.copyOf(text, 9), Arrays.copyOf(other, 17), Arrays.copyOf(text, 9), Arrays.copyOf(other, 17));
        List<int[]> completions = List.of(
                Arrays.copyOfRange(text, 9, 40),
                Arrays.copyOfRange(other, 17, 30),
                Arrays.copyOfRange(other, 5, 6),
                Arrays.copyOfRange(text, 20, 39));
        float[] slopes = gaussians(
                new Random(1), completions.stream().mapToInt(ids -> ids.length).sum());
        Map<String, float[]> expected = plainGradients(model, prompts, completions, slopes);
        for (Pass.Keep keep : List.of(Pass.Keep.EVERYTHING, Pass.Keep.LAYER_INPUTS)) {
            Map<String, NDArray> sums = new LinkedHashMap<>();
            model.weights.asMap().forEach((tensor, array) -> sums.put(tensor, manager.zeros(array.getShape())));
            add(model, prompts, completions, slopes, keep, sums);
            assertClose(sums, expected, 1);
            int at = 0;
            for (int i = 0; i < prompts.size(); i++) {
                int to = at + completions.get(i).length;
                add(
                        model,
                        prompts.subList(i, i + 1),
                        completions.subList(i, i + 1),
                        Arrays.copyOfRange(slopes, at, to),
                        keep,
                        sums);
                at = to;
            }
            assertClose(sums, expected, 2);
        }
    }

    private void add(
            Model model,
            List<int[]> prompts,
            List<int[]> completions,
            float[] slopes,
            Pass.Keep keep,
            Map<String, NDArray> sums) {
        ModelTensors weights = model.decoder.weights(model.weights.asMap(), manager);
        TokenBatch batch = TokenBatch.of(prompts, completions, model.config.vocabSize(), manager);
        try (Pass pass = model.decoder.pass(weights, batch, keep, manager)) {
            pass.backward(slopes, model.decoder.gradients(sums, manager));
        }
    }

    private static void assertClose(Map<String, NDArray> found, Map<String, float[]> expected, int times) {
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        found.forEach((tensor, gradient) -> {
            float[] values = expected.getOrDefault(tensor, new float[0]).clone();
            float largest = 0;
            for (int i = 0; i < values.length; i++) {
                values[i] *= times;
                largest = Math.max(largest, Math.abs(values[i]));
            }
            assertThat(gradient.toFloatArray()).as(tensor).containsExactly(values, within(2e-5f + 2e-4f * largest));
        });
    }

    private Map<String, float[]> plainGradients(
            Model model, List<int[]> prompts, List<int[]> completions, float[] slopes) {
        Map<String, NDArray> aliases = aliases(model.weights);
        PlainDecoder decoder = new PlainDecoder(model.config);
        int at = 0;
        for (int i = 0; i < prompts.size(); i++) {
            int[] prompt = prompts.get(i);
            int[] completion = completions.get(i);
            int time = prompt.length + completion.length - 1;
            long[] ids = new long[time];
            for (int t = 0; t < time; t++) {
                ids[t] = t < prompt.length ? prompt[t] : completion[t - prompt.length];
            }
            long[] targets = Arrays.stream(completion).asLongStream().toArray();
            try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
                PlainWeights fused = decoder.fuse(aliases, manager);
                NDArray hidden = decoder.hidden(fused, Tensors.longs(manager, ids, new Shape(1, time)));
                NDArray predicting = hidden.get("0, " + (prompt.length - 1) + ":, :");
                NDArray logProbs = decoder.logits(fused, predicting)
                        .logSoftmax(-1)
                        .gather(Tensors.longs(manager, targets, new Shape(targets.length, 1)), 1)
                        .reshape(-1);
                float[] its = Arrays.copyOfRange(slopes, at, at + targets.length);
                collector.backward(logProbs.mul(Tensors.floats(manager, its, new Shape(its.length)))
                        .sum());
            }
            at += targets.length;
        }
        Map<String, float[]> gradients = new LinkedHashMap<>();
        aliases.forEach((name, alias) -> gradients.put(name, alias.getGradient().toFloatArray()));
        return gradients;
    }

    @Test
    void morePositionsThanAModelHasLearnedAreTold() {
        Model model = new Model("gpt2_untied");
        assertThatThrownBy(() -> Logits.of(model.decoder, model.weights.asMap(), manager, new int[65]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the model has learned 64 positions, found a text of 65 tokens");
    }

    private Map<String, NDArray> aliases(Weights weights) {
        Map<String, NDArray> aliases = new LinkedHashMap<>();
        weights.asMap().forEach((name, array) -> {
            NDArray alias = array.stopGradient();
            alias.attach(manager);
            alias.setRequiresGradient(true);
            aliases.put(name, alias);
        });
        return aliases;
    }

    private static float[] gaussians(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * 0.1);
        }
        return values;
    }

    private final class Model {
        private final Path directory;
        private final ModelConfig config;
        private final Decoder decoder;
        private final Weights weights;

        Model(String name) {
            directory = Vectors.family(name);
            config = ModelConfig.read(directory.resolve("config.json"));
            decoder = new Decoder(config);
            weights = Weights.load(directory.resolve("model.safetensors"), manager);
            assertThat(weights.names())
                    .containsExactlyInAnyOrderElementsOf(config.tensorShapes().keySet());
        }

        int[][] rows() {
            long[] ids = longs("ids");
            return IntStream.range(0, 3)
                    .mapToObj(row -> IntStream.range(0, LENGTH)
                            .map(t -> Math.toIntExact(ids[row * LENGTH + t]))
                            .toArray())
                    .toArray(int[][]::new);
        }

        float[] floats(String name) {
            try (SafetensorsFile file = SafetensorsFile.open(directory.resolve("vectors.safetensors"))) {
                return file.read(name, manager).toFloatArray();
            }
        }

        long[] longs(String name) {
            try (SafetensorsFile file = SafetensorsFile.open(directory.resolve("vectors.safetensors"))) {
                return file.read(name, manager).toLongArray();
            }
        }
    }
}
