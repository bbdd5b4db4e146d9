package org.openstrawberry.model.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.safetensors.SafetensorsFile;
import org.openstrawberry.model.training.PreferenceObjective.Weighted;
import org.openstrawberry.model.transformer.VectorModel;

/** Every kind of loss is what TRL computes on the same log-probabilities, within the tolerances of the vectors. */
class LossVectorsTest {
    private static final List<String> MAGNIFYING = List.of("ipo", "sppo", "forward_kl", "alpha_divergence", "beta_2");

    private NDManager manager;

    static Stream<Arguments> kinds() {
        return Stream.of("llama", "gpt2").flatMap(model -> {
            List<Arguments> kinds = new ArrayList<>();
            losses(model).fieldNames().forEachRemaining(kind -> kinds.add(Arguments.of(model, kind)));
            return kinds.stream();
        });
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
    @MethodSource("kinds")
    void lossesAndRewardsAreTheReferences(String model, String kind) {
        JsonNode expected = losses(model).get(kind);
        PreferenceObjective objective = objective(kind, expected.get("settings"));
        List<PairTokens> batch = batch(model, objective.weighted());

        double[] alone = batch.stream()
                .mapToDouble(pair -> objective.value(List.of(pair)))
                .toArray();

        assertClose(objective.value(batch), expected.get("mean").doubleValue(), kind);
        for (int i = 0; i < alone.length; i++) {
            assertClose(alone[i], expected.at("/alone/" + i).doubleValue(), kind);
            PairLogProbs sums = objective.sums(batch.get(i));
            assertClose(
                    sums.chosenReward(objective.beta()),
                    expected.at("/rewards_chosen/" + i).doubleValue(),
                    kind);
            assertClose(
                    sums.rejectedReward(objective.beta()),
                    expected.at("/rewards_rejected/" + i).doubleValue(),
                    kind);
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void slopesByEachTokenAreTheReferences(String model, String kind) {
        String name = "dpo.token_gradient." + kind;
        try (SafetensorsFile file = SafetensorsFile.open(Vectors.model(model).resolve("vectors.safetensors"))) {
            if (!file.names().contains(name)) {
                assertThat(losses(model).get(kind).get("by").textValue()).isEqualTo("formula");
                return;
            }
        }
        PreferenceObjective objective = objective(kind, losses(model).get(kind).get("settings"));
        List<PairTokens> batch = batch(model, objective.weighted());
        List<float[]> expected = completionRows(model, name);
        int chosenTokens =
                batch.stream().mapToInt(pair -> pair.policyChosen().length).sum();

        List<PreferenceObjective.Slopes> found = objective.slopes(batch, batch.size(), chosenTokens);

        for (int i = 0; i < batch.size(); i++) {
            assertSlopes(found.get(i).chosen(), expected.get(i));
            assertSlopes(found.get(i).rejected(), expected.get(batch.size() + i));
        }
    }

    /** The whole way: the model's own log-probabilities, in micro-batches of one pair, and the gradient's norm. */
    @ParameterizedTest
    @ValueSource(strings = {"sigmoid+wpo", "sigmoid+ld_alpha", "aot", "aot_unpaired", "mixture_sigmoid_bco_sft", "ipo"})
    void theModelsLossesAreTheReferencesHoweverTheBatchIsParted(String kind) {
        VectorModel model = new VectorModel("llama");
        JsonNode expected = losses("llama").get(kind);
        PreferenceObjective objective = objective(kind, expected.get("settings"));
        List<PreferencePair> pairs = TrainingParityTest.pairs(model);
        try (Weights policy = model.weights(manager);
                Weights reference = model.reference(manager)) {
            DpoTrainer trainer = new DpoTrainer(model.decoder());
            DpoStep whole = trainer.measure(policy, reference, pairs, objective, 8192);
            DpoStep parts = trainer.measure(policy, reference, pairs, objective, 1);
            assertClose(whole.loss(), expected.get("mean").doubleValue(), "ipo"); // sums differ by 2e-4
            assertThat(parts.loss()).isCloseTo(whole.loss(), within(1e-4));
            assertThat(parts.gradNorm()).isCloseTo(whole.gradNorm(), within(1e-4));
            double[] alone = TrainingParityTest.doubles(expected.get("alone"));
            for (int i = 0; i < alone.length; i++) {
                assertClose(whole.losses().get(i), alone[i], "ipo");
            }
        }
    }

    /** Also of models whose token gradients are not among the vectors. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "llama_rope_llama3", "llama_tied_bf16"})
    void everyLossOfAModelIsTheReferences(String name) {
        VectorModel model = new VectorModel(name);
        List<PreferencePair> pairs = TrainingParityTest.pairs(model);
        try (Weights policy = model.weights(manager);
                Weights reference = model.reference(manager)) {
            DpoTrainer trainer = new DpoTrainer(model.decoder());
            losses(name).fields().forEachRemaining(kind -> {
                JsonNode expected = kind.getValue();
                PreferenceObjective objective = objective(kind.getKey(), expected.get("settings"));
                DpoStep step = trainer.measure(policy, reference, pairs, objective, 8192);
                double[] alone = TrainingParityTest.doubles(expected.get("alone"));
                double mean = expected.get("mean").doubleValue();
                assertThat(step.loss()).as(kind.getKey()).isCloseTo(mean, within(2e-4 * Math.max(1, mean)));
                for (int i = 0; i < alone.length; i++) {
                    assertThat(step.losses().get(i))
                            .as(kind.getKey())
                            .isCloseTo(alone[i], within(2e-4 * Math.max(1, Math.abs(alone[i]))));
                    PairLogProbs sums = step.scored().get(i);
                    assertThat(sums.chosenReward(objective.beta()))
                            .as(kind.getKey())
                            .isCloseTo(expected.at("/rewards_chosen/" + i).doubleValue(), within(4e-4));
                }
            });
        }
    }

    private static void assertClose(double found, double expected, String kind) {
        double tolerance = MAGNIFYING.stream().anyMatch(kind::contains) ? 1e-4 : 2e-5;
        assertThat(found).isCloseTo(expected, within(tolerance * Math.max(1, Math.abs(expected))));
    }

    private static void assertSlopes(float[] found, float[] expected) {
        assertThat(found).hasSameSizeAs(expected);
        for (int t = 0; t < found.length; t++) {
            assertThat(found[t]).isCloseTo(expected[t], within(1e-5f * Math.max(1, Math.abs(expected[t]))));
        }
    }

    /** TRL's settings in our terms. */
    private static PreferenceObjective objective(String kind, JsonNode settings) {
        JsonNode types = settings.path("loss_type");
        double smoothing = settings.path("label_smoothing").asDouble(0);
        List<Weighted> losses = new ArrayList<>();
        if (types.isMissingNode()) {
            losses.add(new Weighted(loss(kind, smoothing), 1));
        }
        for (int i = 0; i < types.size(); i++) {
            losses.add(new Weighted(
                    loss(types.get(i).textValue(), smoothing),
                    settings.at("/loss_weights/" + i).asDouble(1)));
        }
        return new PreferenceObjective(
                losses,
                settings.path("beta").asDouble(0.1),
                switch (settings.path("f_divergence_type").asText("reverse_kl")) {
                    case "forward_kl" -> new Divergence.ForwardKl();
                    case "js_divergence" -> new Divergence.JensenShannon();
                    case "alpha_divergence" -> new Divergence.Alpha(0.5);
                    default -> new Divergence.ReverseKl();
                },
                settings.path("ld_alpha").asDouble(1),
                settings.path("use_weighting").asBoolean(false));
    }

    private static PreferenceLoss loss(String name, double smoothing) {
        return switch (name) {
            case "sigmoid" -> new PreferenceLoss.Sigmoid();
            case "hinge" -> new PreferenceLoss.Hinge();
            case "ipo" -> new PreferenceLoss.Ipo();
            case "ipo_sum" -> new PreferenceLoss.IpoSum();
            case "exo_pair" -> new PreferenceLoss.ExoPair(smoothing);
            case "nca_pair" -> new PreferenceLoss.NcaPair();
            case "robust" -> new PreferenceLoss.Robust(smoothing);
            case "cdpo" -> new PreferenceLoss.Cdpo(smoothing);
            case "bco_pair" -> new PreferenceLoss.BcoPair();
            case "sppo_hard" -> new PreferenceLoss.SppoHard();
            case "aot" -> new PreferenceLoss.Aot(smoothing);
            case "aot_unpaired" -> new PreferenceLoss.AotUnpaired(smoothing);
            case "apo_zero" -> new PreferenceLoss.ApoZero();
            case "apo_down" -> new PreferenceLoss.ApoDown();
            case "discopop" -> new PreferenceLoss.Discopop(0.05);
            case "sft" -> new PreferenceLoss.Sft();
            case "sigmoid_norm" -> new PreferenceLoss.SigmoidNorm();
            default -> throw new IllegalArgumentException(name);
        };
    }

    private static JsonNode losses(String model) {
        return Vectors.json(Vectors.model(model).resolve("vectors.json")).at("/dpo/losses");
    }

    private List<PairTokens> batch(String model, boolean weighted) {
        List<float[]> policy = completionRows(model, "dpo.policy_logprobs");
        List<float[]> reference = completionRows(model, "dpo.reference_logprobs");
        List<float[]> squares = completionRows(model, "dpo.log_sum_sq_probs");
        int pairs = policy.size() / 2;
        List<PairTokens> batch = new ArrayList<>();
        for (int i = 0; i < pairs; i++) {
            double weight = weighted
                    ? Math.exp(
                            lead(policy.get(i), squares.get(i)) + lead(policy.get(pairs + i), squares.get(pairs + i)))
                    : 1;
            batch.add(new PairTokens(
                    policy.get(i), policy.get(pairs + i), reference.get(i), reference.get(pairs + i), weight));
        }
        return batch;
    }

    private static double lead(float[] logProbs, float[] squares) {
        return (LogProbs.sum(logProbs) - LogProbs.sum(squares)) / logProbs.length;
    }

    /** The completion's part of each row of [2 pairs, n − 1]. */
    private List<float[]> completionRows(String model, String name) {
        JsonNode lengths =
                Vectors.json(Vectors.model(model).resolve("vectors.json")).at("/dpo/lengths");
        float[] all = floats(model, name);
        int width = all.length / lengths.size() / 2;
        List<float[]> rows = new ArrayList<>();
        for (String side : List.of("chosen", "rejected")) {
            for (JsonNode pair : lengths) {
                int from = rows.size() * width + pair.get("prompt").intValue() - 1;
                rows.add(Arrays.copyOfRange(all, from, from + pair.get(side).intValue()));
            }
        }
        return rows;
    }

    private float[] floats(String model, String name) {
        try (SafetensorsFile file = SafetensorsFile.open(Vectors.model(model).resolve("vectors.safetensors"));
                NDArray array = file.read(name, manager)) {
            return array.toFloatArray();
        }
    }
}
