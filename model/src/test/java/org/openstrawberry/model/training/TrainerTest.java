package org.openstrawberry.model.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.pytorch.jni.JniUtils;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.Generator;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.PreferenceObjective.Weighted;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.TinyModel;

class TrainerTest {
    private static final double BETA = 0.5;
    private static final PreferenceObjective DPO = PreferenceObjective.sigmoid(BETA);
    private static final int WHOLE = 10_000;
    private static final int EOS = 3;

    private final ModelConfig config = TinyModel.config();
    private final Decoder decoder = new Decoder(config);
    private NDManager manager;
    private Weights policy;
    private Weights reference;

    @BeforeEach
    void start() {
        manager = Torch.start(1, "cpu");
        policy = TinyModel.weights(config, 1, manager);
        reference = TinyModel.weights(config, 2, manager);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void lossIsLn2AndMarginsAreZeroWhenPolicyEqualsReference() {
        Weights same = policy.copy(manager);
        for (int microBatch : new int[] {WHOLE, 30}) {
            DpoStep step = dpoStep(policy.copy(manager), same, pairs(8), microBatch);
            assertThat(step.loss()).isCloseTo(Math.log(2), within(1e-15));
            assertThat(step.logProbs()).allMatch(pair -> pair.logRatioDifference() == 0);
            assertThat(step.kl()).isZero();
        }
    }

    /** A completion eight times as long pads the others' rows when it stands in the same batch. */
    @Test
    void klAndEntropyDoNotDependOnThePaddingOfTheirBatch() {
        List<PreferencePair> pairs = new ArrayList<>(pairs(3));
        DpoTrainer trainer = new DpoTrainer(decoder);
        int[] longIds = new Random(9).ints(64, 0, 13).toArray();
        pairs.add(new PreferencePair(new int[] {1}, longIds, new int[] {2}));

        DpoStep padded = trainer.measure(policy, reference, pairs, DPO, WHOLE);

        double kl = 0;
        double entropy = 0;
        for (PreferencePair pair : pairs) {
            DpoStep alone = trainer.measure(policy, reference, List.of(pair), DPO, WHOLE);
            kl += alone.kl() / pairs.size();
            entropy += alone.entropy() / pairs.size();
        }
        assertThat(padded.kl()).isCloseTo(kl, within(1e-5)).isNotZero();
        assertThat(padded.entropy()).isCloseTo(entropy, within(1e-4)).isPositive();
    }

    @Test
    void oneBatchOfEightIsEightBatchesOfOne() {
        List<PreferencePair> pairs = pairs(8);
        Map<String, float[]> whole = dpoGradients(pairs, WHOLE);
        Map<String, float[]> parts = dpoGradients(pairs, 1);
        whole.forEach(
                (name, gradient) -> assertThat(parts.get(name)).as(name).containsExactly(gradient, within(1e-6f)));
        DpoStep one = dpoStep(policy.copy(manager), reference, pairs, WHOLE);
        DpoStep eight = dpoStep(policy.copy(manager), reference, pairs, 1);
        assertThat(eight.loss()).isCloseTo(one.loss(), within(1e-6));
        assertThat(eight.gradNorm()).isCloseTo(one.gradNorm(), within(1e-5));
    }

    /** 300 pairs of 120 tokens have more scores of attention than are computed at a time; one pair has not. */
    @Test
    void attentionInPartsGivesTheGradientsOfAttentionAtOnce() {
        Random random = new Random(4);
        List<PreferencePair> pairs = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            pairs.add(new PreferencePair(
                    new int[] {1 + i % 9},
                    random.ints(119, 0, 13).toArray(),
                    random.ints(119, 0, 13).toArray()));
        }
        Map<String, float[]> inParts = dpoGradients(pairs, 100_000);
        Map<String, float[]> atOnce = dpoGradients(pairs, 10_000);
        inParts.forEach(
                (name, gradient) -> assertThat(atOnce.get(name)).as(name).containsExactly(gradient, within(1e-4f)));
    }

    /** Those that sort the batch, count its tokens or weigh its pairs too. */
    @Test
    void everyLossIsTheSameHoweverTheBatchIsParted() {
        List<PreferencePair> pairs = pairs(8);
        for (PreferenceObjective objective : List.of(
                mixture(new PreferenceLoss.Aot(0.1), new PreferenceLoss.Sft(), 0.5, false),
                mixture(new PreferenceLoss.AotUnpaired(0), new PreferenceLoss.Ipo(), 1, false),
                mixture(new PreferenceLoss.Discopop(0.05), new PreferenceLoss.Sft(), 0.5, true),
                mixture(new PreferenceLoss.BcoPair(), new PreferenceLoss.SigmoidNorm(), 0, true))) {
            Map<String, float[]> whole = gradients(pairs, objective, WHOLE);
            Map<String, float[]> parts = gradients(pairs, objective, 1);
            whole.forEach(
                    (name, gradient) -> assertThat(parts.get(name)).as(name).containsExactly(gradient, within(2e-6f)));
            DpoTrainer trainer = new DpoTrainer(decoder);
            DpoStep one = trainer.measure(policy, reference, pairs, objective, WHOLE);
            DpoStep eight = trainer.measure(policy, reference, pairs, objective, 1);
            assertThat(eight.loss()).isCloseTo(one.loss(), within(1e-5));
            assertThat(eight.gradNorm()).isCloseTo(one.gradNorm(), within(1e-5));
        }
    }

    /** But those with weights of pairs, which are constants to the gradient. */
    @Test
    void gradientsOfMixturesAreTheFiniteDifferencesOfTheLoss() {
        List<PreferencePair> pairs = pairs(4);
        PreferenceObjective objective = new PreferenceObjective(
                List.of(
                        new Weighted(new PreferenceLoss.ExoPair(0.1), 0.5),
                        new Weighted(new PreferenceLoss.Ipo(), 0.05),
                        new Weighted(new PreferenceLoss.Sft(), 0.3)),
                BETA,
                new Divergence.JensenShannon(),
                0.5,
                false);
        DpoTrainer trainer = new DpoTrainer(decoder);

        assertFiniteDifferences(
                gradients(pairs, objective, WHOLE),
                () -> trainer.measure(policy, reference, pairs, objective, WHOLE)
                        .loss());
    }

    @Test
    void measuringChangesNothingAndFindsWhatAStepFinds() {
        Weights before = policy.copy(manager);
        DpoStep measured = new DpoTrainer(decoder).measure(policy, reference, pairs(4), DPO, WHOLE);

        assertSameBits(policy, before);
        assertThat(dpoStep(policy, reference, pairs(4), WHOLE)).isEqualTo(measured);
    }

    /** A batch is padded with token 0: here it also ends completions, of which two are shorter than the others. */
    @Test
    void theTokenThatPaddingIsMadeOfCountsWhereItIsReal() {
        List<Sequence> sequences = List.of(
                new Sequence(new int[] {1, 0}, new int[] {4, 0}),
                new Sequence(new int[] {2}, new int[] {0}),
                new Sequence(new int[] {1, 5, 6}, new int[] {7, 0, 8, 9, 0}));
        LogProbs logProbs = new LogProbs(decoder);
        float[][] together = logProbs.perToken(policy, sequences, WHOLE);
        for (int i = 0; i < together.length; i++) {
            assertThat(together[i])
                    .hasSize(sequences.get(i).completionIds().length)
                    .doesNotContain(0);
            assertThat(together[i])
                    .containsExactly(logProbs.perToken(policy, List.of(sequences.get(i)), WHOLE)[0], within(1e-5f));
        }
    }

    /** Nothing is ever cut so that no token is left; a pair of which nothing would count is refused, not trained on as NaN. */
    @Test
    void aPairWithoutACompletionTokenIsRefused() {
        assertThatThrownBy(() -> new PreferencePair(new int[] {1}, new int[0], new int[] {2}))
                .hasMessage("prompt and completions must each have at least one token, found 1, 0 and 1");
    }

    @Test
    void aPairOfWeightTwoCountsAsTwo() {
        List<PreferencePair> two = pairs(2);
        PreferencePair first = two.get(0);
        PreferencePair heavy = new PreferencePair(first.promptIds(), first.chosenIds(), first.rejectedIds(), 2);
        Map<String, float[]> weighted = dpoGradients(List.of(heavy, two.get(1)), 10_000);
        Map<String, float[]> repeated = dpoGradients(List.of(first, first, two.get(1)), 10_000);
        weighted.forEach((name, gradient) -> {
            float[] expected = Objects.requireNonNull(repeated.get(name)).clone();
            for (int i = 0; i < expected.length; i++) {
                expected[i] *= 1.5f; // a mean over three pairs instead of two
            }
            assertThat(gradient).as(name).containsExactly(expected, within(1e-6f));
        });
    }

    @Test
    void supervisedStepsWeighEveryTokenAlikeHoweverTheBatchIsParted() {
        List<Sequence> batch = LogProbsTest.sequences(new Random(5), 9);
        double tokens =
                batch.stream().mapToInt(row -> row.completionIds().length).sum();
        double expected =
                -Arrays.stream(new LogProbs(decoder).sums(policy, batch, WHOLE)).sum() / tokens;
        Weights whole = policy.copy(manager);
        Weights parts = policy.copy(manager);
        SupervisedStep one = supervisedStep(whole, batch, WHOLE);
        SupervisedStep many = supervisedStep(parts, batch, 1);
        assertThat(one.loss()).isCloseTo(expected, within(1e-6));
        assertThat(many.loss()).isCloseTo(expected, within(1e-6));
        assertThat(one.tokens()).isEqualTo((int) tokens);
        for (String name : whole.names()) {
            assertThat(parts.get(name).toFloatArray())
                    .as(name)
                    .containsExactly(whole.get(name).toFloatArray(), within(1e-6f));
        }
    }

    @Test
    void sameStepTwiceGivesTheSameBits() {
        Weights one = policy.copy(manager);
        Weights other = policy.copy(manager);
        assertThat(dpoStep(one, reference, pairs(8), 50)).isEqualTo(dpoStep(other, reference, pairs(8), 50));
        assertSameBits(one, other);
    }

    /**
     * With attention silenced, a hidden state depends on its own token only, so a token that stands nowhere but inside the
     * prompt can get a gradient only if the loss counts predictions made there. (In a pair they would cancel, the prompt
     * being the same on both sides; so this is asked of single sequences.)
     */
    @Test
    void promptTokensGetNoGradient() {
        silenceAttention();
        List<Sequence> batch = List.of(new Sequence(new int[] {9, 10, 11, 1}, new int[] {4, EOS}));
        float[] norms = embeddingGradientNorms(supervisedGradients(batch));
        assertThat(norms[9]).isZero();
        assertThat(norms[10]).isZero();
        assertThat(norms[11]).isZero();
        assertThat(norms[1]).isPositive(); // predicts the completion's first token
        assertThat(norms[4]).isPositive();
    }

    /** As above: the state that predicts the end token is that of the token before it. */
    @Test
    void theEndTokenIsInsideTheLoss() {
        silenceAttention();
        List<PreferencePair> pairs =
                List.of(new PreferencePair(new int[] {1}, new int[] {4, EOS}, new int[] {5, 6, EOS}));
        float[] norms = embeddingGradientNorms(dpoGradients(pairs, WHOLE));
        assertThat(norms[4]).isPositive();
        assertThat(norms[6]).isPositive();
        assertThat(norms[EOS]).isZero(); // nothing is predicted after it
    }

    @Test
    void aCompletionOfTheEndTokenAloneTrains() {
        List<PreferencePair> pairs = List.of(new PreferencePair(new int[] {1}, new int[] {EOS}, new int[] {4, EOS}));
        Weights trained = policy.copy(manager);
        double before = dpoStep(trained, reference, pairs, WHOLE).loss();
        assertThat(dpoStep(trained, reference, pairs, WHOLE).loss()).isLessThan(before);
    }

    @Test
    void preferenceGradientsAreTheFiniteDifferencesOfTheLoss() {
        List<PreferencePair> pairs = pairs(4);
        Map<String, float[]> gradients = dpoGradients(pairs, WHOLE);
        assertFiniteDifferences(gradients, () -> dpoLoss(pairs));
    }

    @Test
    void supervisedGradientsAreTheFiniteDifferencesOfTheLoss() {
        List<Sequence> batch = LogProbsTest.sequences(new Random(6), 5);
        double tokens =
                batch.stream().mapToInt(row -> row.completionIds().length).sum();
        assertFiniteDifferences(
                supervisedGradients(batch),
                () -> -Arrays.stream(new LogProbs(decoder).sums(policy, batch, WHOLE))
                                .sum()
                        / tokens);
    }

    @Test
    void clippingLimitsTheStepAndReportsTheNormBefore() {
        Weights free = policy.copy(manager);
        Weights clipped = policy.copy(manager);
        double norm;
        try (Optimizer optimizer = Optimizer.of(OptimizerSettings.sgd(0), manager)) {
            DpoTrainer trainer = new DpoTrainer(decoder);
            norm = trainer.step(free, reference, optimizer, pairs(4), DPO, 1, 0, WHOLE)
                    .gradNorm();
            double limit = norm / 4;
            assertThat(trainer.step(clipped, reference, optimizer, pairs(4), DPO, 1, limit, WHOLE)
                            .gradNorm())
                    .isEqualTo(norm);
        }
        assertThat(distance(policy, free)).isCloseTo(norm, within(1e-4));
        assertThat(distance(policy, clipped)).isCloseTo(norm / 4, within(1e-4));
    }

    @Test
    void aGradientThatIsNotFiniteLeavesTheWeightsAlone() {
        Weights broken = policy.copy(manager);
        broken.get(ModelConfig.FINAL_NORM).set(new NDIndex(0), Float.NaN);
        Weights before = broken.copy(manager);
        assertThatThrownBy(() -> dpoStep(broken, reference, pairs(2), WHOLE))
                .isInstanceOf(ArithmeticException.class)
                .hasMessageStartingWith("the gradient is not finite: its norm is NaN");
        assertThat(broken.get(ModelConfig.OUTPUT).toFloatArray())
                .containsExactly(before.get(ModelConfig.OUTPUT).toFloatArray());
        assertThat(JniUtils.isGradMode()).isFalse();
        dpoStep(policy, reference, pairs(2), WHOLE); // another step is possible afterwards
    }

    @Test
    void stepsLowerTheLossAndRaiseTheMargins() {
        Weights trained = policy.copy(manager);
        Weights start = policy.copy(manager);
        DpoTrainer trainer = new DpoTrainer(decoder);
        try (Optimizer optimizer = Optimizer.of(OptimizerSettings.adamW(0, OptimizerSettings.Decay.ALL), manager)) {
            DpoStep last = trainer.step(trained, start, optimizer, pairs(4), DPO, 1e-2, 1, WHOLE);
            for (int i = 0; i < 30; i++) {
                last = trainer.step(trained, start, optimizer, pairs(4), DPO, 1e-2, 1, WHOLE);
            }
            assertThat(last.loss()).isLessThan(0.1);
            assertThat(last.logProbs()).allMatch(pair -> pair.logRatioDifference() > 0);
        }
    }

    @Test
    void emptyBatchesAreRefused() {
        assertThatThrownBy(() -> dpoStep(policy, reference, List.of(), WHOLE))
                .hasMessage("a step needs at least one pair");
        assertThatThrownBy(() -> supervisedStep(policy, List.of(), WHOLE))
                .hasMessage("a step needs at least one sequence");
    }

    @Test
    void nativeMemoryDoesNotGrowFromStepToStep() {
        DpoTrainer trainer = new DpoTrainer(decoder);
        SupervisedTrainer supervised = new SupervisedTrainer(decoder);
        Generator generator = new Generator(decoder, Set.of(EOS));
        SamplingSettings sampling = new SamplingSettings(0.9, 5, 0.9, 0.01, 6);
        List<PreferencePair> pairs = pairs(2);
        PreferenceObjective weighted = mixture(new PreferenceLoss.Sigmoid(), new PreferenceLoss.Sft(), 1, true);
        List<Sequence> batch = LogProbsTest.sequences(new Random(7), 2);
        try (Optimizer optimizer = Optimizer.of(
                new OptimizerSettings(
                        OptimizerSettings.Kind.ADAM, 0.9, 0.9, 1e-8, 0, 0.01, OptimizerSettings.Decay.MATRICES),
                manager)) {
            List<String> after = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                trainer.step(policy, reference, optimizer, pairs, DPO, 1e-4, 1, 20);
                trainer.measure(policy, reference, pairs, weighted, 20);
                supervised.step(policy, optimizer, batch, 1e-4, 1, 20);
                generator.generate(policy, List.of(new GenerationRequest(0, new int[] {1, 2}, 4)), sampling, 1, i);
                if (i == 0 || i == 199) {
                    after.add(resources());
                }
            }
            assertThat(after.get(1)).isEqualTo(after.get(0));
        }
    }

    /** All arrays of the process, and the entries of the managers that live long. */
    private String resources() {
        NDManager system = manager.getParentManager();
        NDManager weights = policy.get(ModelConfig.OUTPUT).getManager();
        return system.getManagedArrays().size() + "\n" + system + "\n" + manager + "\n" + weights;
    }

    private void assertFiniteDifferences(Map<String, float[]> gradients, Loss loss) {
        Random random = new Random(8);
        float h = 1e-2f;
        gradients.forEach((name, gradient) -> {
            NDArray flat = policy.get(name).reshape(-1);
            for (int probe = 0; probe < 6; probe++) {
                int at = random.nextInt(gradient.length);
                float value = flat.getFloat(at);
                flat.set(new NDIndex(at), value + h);
                double above = loss.value();
                flat.set(new NDIndex(at), value - h);
                double below = loss.value();
                flat.set(new NDIndex(at), value);
                assertThat(gradient[at]).as(name).isCloseTo((float) ((above - below) / (2 * h)), within(2e-3f));
            }
        });
    }

    private double dpoLoss(List<PreferencePair> pairs) {
        LogProbs logProbs = new LogProbs(decoder);
        double sum = 0;
        for (PreferencePair pair : pairs) {
            List<Sequence> both = List.of(pair.chosen(), pair.rejected());
            double[] pol = logProbs.sums(policy, both, WHOLE);
            double[] ref = logProbs.sums(reference, both, WHOLE);
            sum += new PreferenceLoss.Sigmoid()
                    .of(
                            PairScores.of(
                                    new PairLogProbs(pol[0], pol[1], ref[0], ref[1]), new Divergence.ReverseKl(), 1, 1),
                            BETA)
                    .value();
        }
        return sum / pairs.size();
    }

    private static PreferenceObjective mixture(
            PreferenceLoss one, PreferenceLoss other, double tailWeight, boolean weighted) {
        return new PreferenceObjective(
                List.of(new Weighted(one, 0.7), new Weighted(other, 0.4)),
                BETA,
                new Divergence.ReverseKl(),
                tailWeight,
                weighted);
    }

    private Map<String, float[]> dpoGradients(List<PreferencePair> pairs, int microBatch) {
        return gradients(pairs, DPO, microBatch);
    }

    private Map<String, float[]> gradients(List<PreferencePair> pairs, PreferenceObjective objective, int microBatch) {
        try (Gradients gradients = new Gradients(policy, decoder)) {
            new DpoTrainer(decoder).accumulate(gradients, policy, reference, pairs, objective, microBatch);
            Map<String, float[]> values = new LinkedHashMap<>();
            gradients.byName().forEach((name, gradient) -> values.put(name, gradient.toFloatArray()));
            return values;
        }
    }

    /** One step of gradient descent with rate 1 shows the gradient. */
    private Map<String, float[]> supervisedGradients(List<Sequence> batch) {
        Weights stepped = policy.copy(manager);
        try (Optimizer optimizer = Optimizer.of(OptimizerSettings.sgd(0), manager)) {
            new SupervisedTrainer(decoder).step(stepped, optimizer, batch, 1, 0, WHOLE);
        }
        Map<String, float[]> gradients = new LinkedHashMap<>();
        for (String name : policy.names()) {
            try (NDArray difference = policy.get(name).sub(stepped.get(name))) {
                gradients.put(name, difference.toFloatArray());
            }
        }
        return gradients;
    }

    private void silenceAttention() {
        for (int layer = 0; layer < config.layers(); layer++) {
            policy.get(ModelConfig.layerPrefix(layer) + "self_attn.o_proj.weight")
                    .muli(0f);
        }
    }

    private float[] embeddingGradientNorms(Map<String, float[]> gradients) {
        float[] gradient = gradients.getOrDefault(ModelConfig.EMBEDDING, new float[0]);
        float[] norms = new float[config.vocabSize()];
        for (int i = 0; i < gradient.length; i++) {
            norms[i / config.hiddenSize()] += Math.abs(gradient[i]);
        }
        return norms;
    }

    private DpoStep dpoStep(Weights weights, Weights against, List<PreferencePair> pairs, int microBatch) {
        try (Optimizer optimizer = Optimizer.of(OptimizerSettings.sgd(0), manager)) {
            return new DpoTrainer(decoder).step(weights, against, optimizer, pairs, DPO, 1e-2, 0, microBatch);
        }
    }

    private SupervisedStep supervisedStep(Weights weights, List<Sequence> batch, int microBatch) {
        try (Optimizer optimizer = Optimizer.of(OptimizerSettings.sgd(0), manager)) {
            return new SupervisedTrainer(decoder).step(weights, optimizer, batch, 1e-2, 0, microBatch);
        }
    }

    private static List<PreferencePair> pairs(int count) {
        Random random = new Random(4);
        List<Sequence> chosen = LogProbsTest.sequences(random, count);
        List<Sequence> rejected = LogProbsTest.sequences(random, count);
        List<PreferencePair> pairs = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            pairs.add(new PreferencePair(
                    chosen.get(i).promptIds(),
                    chosen.get(i).completionIds(),
                    rejected.get(i).completionIds()));
        }
        return pairs;
    }

    private static double distance(Weights one, Weights other) {
        double sum = 0;
        for (String name : one.names()) {
            float[] a = one.get(name).toFloatArray();
            float[] b = other.get(name).toFloatArray();
            for (int i = 0; i < a.length; i++) {
                sum += Math.pow(a[i] - (double) b[i], 2);
            }
        }
        return Math.sqrt(sum);
    }

    private static void assertSameBits(Weights one, Weights other) {
        for (String name : one.names()) {
            assertThat(one.get(name).toFloatArray())
                    .as(name)
                    .containsExactly(other.get(name).toFloatArray());
        }
    }

    /** A function of the policy's weights. */
    private interface Loss {
        double value();
    }
}
