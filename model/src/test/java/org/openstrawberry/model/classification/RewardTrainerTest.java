package org.openstrawberry.model.classification;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.ModelInitializer;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.Gradients;
import org.openstrawberry.model.training.Optimizer;
import org.openstrawberry.model.training.OptimizerSettings;
import org.openstrawberry.model.transformer.Decoder;

class RewardTrainerTest {
    private static final double LOSSES = 2e-5;

    private final Path temporary;
    private NDManager manager;

    RewardTrainerTest(@TempDir Path temporary) {
        this.temporary = temporary;
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
    @CsvSource({"reward_llama, 8192", "reward_llama, 1", "reward_qwen2, 8192", "reward_qwen2, 60"})
    void lossAndGradientsAreTheReferencesHoweverTheBatchIsParted(String name, int microBatch) {
        ModelDirectory directory = ModelDirectory.openClassifier(Vectors.model(name));
        JsonNode expected = vectors(directory).get("bradley_terry");
        RewardTrainer trainer = new RewardTrainer(new Classifier(directory));
        try (Gradients gradients = new Gradients(directory.load(manager), new Decoder(directory.config()))) {
            PairFit fit = trainer.accumulate(gradients, pairs(directory, 0), microBatch);
            assertThat(fit.loss()).isCloseTo(expected.get("loss").doubleValue(), within(LOSSES));
            Map<String, NDArray> found = gradients.byName();
            assertThat(Gradients.norm(found))
                    .isCloseTo(expected.get("grad_norm").doubleValue(), within(1e-4));
            Map<String, Double> norms = new TreeMap<>();
            found.forEach((tensor, gradient) ->
                    norms.put(tensor, (double) gradient.norm().getFloat()));
            expected.get("grad_norms")
                    .properties()
                    .forEach(norm -> assertThat(norms.get(norm.getKey()))
                            .as(norm.getKey())
                            .isCloseTo(norm.getValue().doubleValue(), within(1e-4)));
        }
    }

    @Test
    void aMarginIsTakenFromTheDifferenceOfTheScores() {
        List<ScoredPair> pairs = List.of(
                new ScoredPair(new int[] {1}, new int[] {2}, 0.5), new ScoredPair(new int[] {1}, new int[] {2}, 0));

        PairFit fit = PairFit.of(pairs, new double[] {2, 1}, new double[] {1, 1});

        assertThat(fit.loss()).isCloseTo((Math.log1p(Math.exp(-0.5)) + Math.log(2)) / 2, within(1e-12));
        assertThat(fit.accuracy()).isEqualTo(0.75);
        assertThat(fit.margin()).isEqualTo(0.5);
    }

    @Test
    void theFitThatAStepReportsIsTheOneBeforeIt() {
        ModelDirectory directory = ModelDirectory.openClassifier(Vectors.model("reward_llama"));
        RewardTrainer trainer = new RewardTrainer(new Classifier(directory));
        Weights weights = directory.load(manager);
        List<ScoredPair> pairs = pairs(directory, 0.25);
        PairFit before = trainer.fit(weights, pairs, 8192);

        RewardStep step;
        try (Optimizer optimizer = Optimizer.of(OptimizerSettings.sgd(0), manager)) {
            step = trainer.step(weights, optimizer, pairs, 1e-3, 1, 8192);
        }

        assertThat(step.fit().loss()).isCloseTo(before.loss(), within(LOSSES));
        assertThat(step.fit().margin()).isCloseTo(before.margin(), within(2e-4));
        assertThat(step.fit().accuracy()).isEqualTo(before.accuracy());
        assertThat(trainer.fit(weights, pairs, 8192).loss()).isLessThan(before.loss());
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2", "gemma2", "phi3", "llama_tied_bf16", "qwen2"})
    void aLanguageModelBecomesAClassifierWithItsDecoderAndAFreshHead(String name) {
        ModelDirectory base = ModelDirectory.open(Vectors.model(name));
        ModelInitializer.initClassifier(base, 3, temporary.resolve("classifier"), manager);

        ModelDirectory made = ModelDirectory.openClassifier(temporary.resolve("classifier"));
        assertThat(made.config().labels()).isEqualTo(1);
        assertThat(made.classifierPadId()).hasValue(base.padId());
        Weights first = base.load(manager);
        Weights weights = made.load(manager);
        assertThat(weights.names()).contains("score.weight").doesNotContain("lm_head.weight");
        weights.asMap().forEach((tensor, array) -> {
            if (!tensor.equals("score.weight")) {
                assertThat(array.toFloatArray())
                        .as(tensor)
                        .isEqualTo(first.get(tensor).toFloatArray());
            }
        });
        float[] head = weights.get("score.weight").toFloatArray();
        assertThat(rootMeanSquare(head))
                .isCloseTo(
                        made.config().initializerRange(), within(made.config().initializerRange() * 0.5));
        double[] scores = new Classifier(made).scores(weights, List.of(new int[] {1, 2, 3}), 64);
        assertThat(scores[0]).isFinite();
    }

    @Test
    void headsOfOtherSeedsAreOthersAndOfTheSameTheSame() {
        ModelDirectory base = ModelDirectory.open(Vectors.model("llama"));
        Map<Integer, float[]> heads = new LinkedHashMap<>();
        for (int seed : new int[] {1, 2}) {
            Path target = temporary.resolve("seed-" + seed);
            ModelInitializer.initClassifier(base, seed, target, manager);
            heads.put(
                    seed,
                    ModelDirectory.openClassifier(target)
                            .load(manager)
                            .get("score.weight")
                            .toFloatArray());
        }
        ModelInitializer.initClassifier(base, 1, temporary.resolve("again"), manager);

        assertThat(heads.get(1)).isNotEqualTo(heads.get(2));
        assertThat(ModelDirectory.weightsSha256(temporary.resolve("again")))
                .isEqualTo(ModelDirectory.weightsSha256(temporary.resolve("seed-1")));
    }

    @Test
    void aCompletionThatEndedCarriesTheEndTokenAndOneThatWasCutOffDoesNot() {
        int[] prompt = {7, 8};
        int[] completion = {9};
        assertThat(ScoredText.ids(prompt, completion, OptionalInt.of(2), true)).containsExactly(7, 8, 9, 2);
        assertThat(ScoredText.ids(prompt, completion, OptionalInt.of(2), false)).containsExactly(7, 8, 9);
        assertThat(ScoredText.ids(prompt, completion, OptionalInt.empty(), true))
                .containsExactly(7, 8, 9);
    }

    @Test
    void aStepWithoutPairsIsRefused() {
        ModelDirectory directory = ModelDirectory.openClassifier(Vectors.model("reward_llama"));
        RewardTrainer trainer = new RewardTrainer(new Classifier(directory));
        try (Weights weights = directory.load(manager);
                Optimizer optimizer = Optimizer.of(OptimizerSettings.sgd(0), manager)) {
            assertThatThrownBy(() -> trainer.step(weights, optimizer, List.of(), 1e-3, 1, 8192))
                    .hasMessage("a step needs at least one pair");
        }
    }

    private static List<ScoredPair> pairs(ModelDirectory directory, double margin) {
        JsonNode vectors = vectors(directory);
        JsonNode chosen = vectors.at("/bradley_terry/chosen");
        JsonNode rejected = vectors.at("/bradley_terry/rejected");
        List<ScoredPair> pairs = new ArrayList<>();
        for (int i = 0; i < chosen.size(); i++) {
            pairs.add(new ScoredPair(
                    Vectors.ids(vectors.get("sequences").get(chosen.get(i).intValue())),
                    Vectors.ids(vectors.get("sequences").get(rejected.get(i).intValue())),
                    margin));
        }
        return pairs;
    }

    private static JsonNode vectors(ModelDirectory directory) {
        return Vectors.json(directory.path().resolve("vectors.json"));
    }

    private static double rootMeanSquare(float[] values) {
        double squares = 0;
        for (float value : values) {
            squares += (double) value * value;
        }
        return Math.sqrt(squares / values.length);
    }
}
