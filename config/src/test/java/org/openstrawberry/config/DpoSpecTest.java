package org.openstrawberry.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.openstrawberry.config.LossSpec.Term;

/** The preference loss as it is written, read and refused. */
class DpoSpecTest {
    private static final Map<String, Object> SMALLEST = Map.of(
            "name", "run", "model.policy", "base", "data.prompts", "train.jsonl", "reward.verifier.kind", "numeric");

    static Stream<ObjectMapper> mappers() {
        ObjectMapper plain = new ObjectMapper().registerModule(new Jdk8Module());
        return Stream.of(plain, plain.copy().setVisibility(PropertyAccessor.FIELD, JsonAutoDetect.Visibility.ANY));
    }

    @ParameterizedTest
    @EnumSource(LossKind.class)
    void everyLossIsReadByItsName(LossKind kind) {
        List<String> sets = kind == LossKind.EXO_PAIR
                ? List.of("dpo.loss=" + kind.written(), "dpo.label-smoothing=0.1")
                : List.of("dpo.loss=" + kind.written());

        assertThat(changed(sets).dpo().loss()).isEqualTo(LossSpec.of(kind));
    }

    @Test
    void aMixtureHasWeights() {
        LossSpec mixture = new LossSpec(List.of(new Term(LossKind.SIGMOID, 1), new Term(LossKind.SFT, 0.1)));

        assertThat(changed(List.of("dpo.loss=[{sigmoid: 1.0}, {sft: 0.1}]"))
                        .dpo()
                        .loss())
                .isEqualTo(mixture);
        assertThat(changed(List.of("dpo.loss=[sigmoid, {sft: 0.1}]")).dpo().loss())
                .isEqualTo(mixture);
        assertThat(spec(Map.of("dpo.loss", List.of("sigmoid", Map.of("sft", 0.1))))
                        .dpo()
                        .loss())
                .isEqualTo(mixture);
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void everyPlainJsonMapperReadsWhatItWrote(ObjectMapper mapper) throws JsonProcessingException {
        DpoSpec mixed = changed(List.of(
                        "dpo.loss=[{exo_pair: 1.0}, {discopop: 0.5}]",
                        "dpo.label-smoothing=0.1",
                        "dpo.discopop-tau=0.1",
                        "dpo.f-divergence=alpha_divergence",
                        "dpo.f-alpha=0.3",
                        "dpo.ld-alpha=0.5",
                        "dpo.wpo=true",
                        "dpo.beta-schedule={kind: cosine, final-beta: 0.02}"))
                .dpo();

        for (DpoSpec spec : List.of(mixed, DpoSpec.of(LossKind.IPO_SUM, 0.1))) {
            assertThat(mapper.readValue(mapper.writeValueAsString(spec), DpoSpec.class))
                    .isEqualTo(spec);
        }
        assertThat(mapper.valueToTree(mixed).at("/loss/0/exo_pair").doubleValue())
                .isEqualTo(1);
        assertThat(mapper.valueToTree(mixed).at("/f-divergence").textValue()).isEqualTo("alpha_divergence");
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void stepsAndHistoriesOfEarlierVersionsAreRead(ObjectMapper mapper) throws JsonProcessingException {
        assertThat(mapper.readValue("{\"loss\": \"sigmoid\", \"beta\": 0.1}", DpoSpec.class))
                .isEqualTo(DpoSpec.of(LossKind.SIGMOID, 0.1));
        assertThat(mapper.readValue("{\"per-prompt\": 2, \"order\": \"rank\"}", PairsSpec.class))
                .isEqualTo(PairsSpec.of(2, PairOrder.RANK));
        OptimizerSpec optimizer = mapper.readValue(
                "{\"kind\": \"sgd\", \"learning-rate\": 0.1, \"betas\": [0.9, 0.999], \"epsilon\": 1.0e-8, \"decay\":"
                        + " \"all\", \"schedule\": {\"kind\": \"constant\"}, \"micro-batch-tokens\": 64}",
                OptimizerSpec.class);
        assertThat(optimizer.epochs()).contains(1);
        assertThat(optimizer.miniBatchPairs()).isZero();
    }

    static Stream<Arguments> mistakes() {
        String names = "sigmoid, hinge, ipo, ipo_sum, exo_pair, nca_pair, robust, cdpo, bco_pair, sppo_hard, aot,"
                + " aot_unpaired, apo_zero, apo_down, discopop, sft, sigmoid_norm";
        return Stream.of(
                arguments(
                        "loss=kto",
                        "loss: expected " + names + ", or several such as [{ sigmoid: 1.0 }, { sft: 0.1 }], found"
                                + " \"kto\""),
                arguments("loss=[{kto: 1}]", "loss: expected " + names + ", found \"kto\""),
                arguments("loss=[{sft: 0}]", "loss: expected a weight > 0 of sft, found 0"),
                arguments("loss=[{sft: a}]", "loss: expected a weight > 0 of sft, found \"a\""),
                arguments("loss=[sft, {sft: 1}]", "loss: sft stands there twice"),
                arguments(
                        "label-smoothing=0.1",
                        "label-smoothing: has no effect on loss sigmoid; it is for exo_pair, robust, cdpo, aot,"
                                + " aot_unpaired, found 0.1"),
                arguments("label-smoothing=0.5", "label-smoothing: must be at least 0 and below 0.5, found 0.5"),
                arguments("loss=exo_pair", "label-smoothing: must be > 0 with loss exo_pair, found 0"),
                arguments(
                        "discopop-tau=0.1",
                        "discopop-tau: has no effect on loss sigmoid; it is for discopop, found 0.1"),
                arguments("f-alpha=0.5", "f-alpha: is for f-divergence alpha_divergence only, found 0.5"),
                arguments("ld-alpha=2", "ld-alpha: must be from 0 to 1, found 2"),
                arguments(
                        "beta-schedule={kind: linear, final-beta: 0}",
                        "beta-schedule.final-beta: must be > 0, found 0"),
                arguments(
                        "beta-schedule={kind: constant, final-beta: 1}",
                        "beta-schedule.kind: expected linear or cosine, found \"constant\""));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void aMistakeIsNamed(String set, String message) {
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> changed(List.of("dpo." + set)))
                .withMessage("--set dpo." + set + ": dpo." + message);
    }

    @ParameterizedTest
    @EnumSource(
            value = LossKind.class,
            names = {"NCA_PAIR", "BCO_PAIR", "SPPO_HARD", "AOT", "AOT_UNPAIRED", "APO_ZERO", "APO_DOWN"})
    void aDivergenceThatALossCannotHaveIsRefused(LossKind kind) {
        List<String> sets = List.of("dpo.loss=" + kind.written(), "dpo.f-divergence=forward_kl");

        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> changed(sets))
                .withMessageEndingWith(
                        "dpo.f-divergence: must be reverse_kl with loss " + kind.written() + ", found forward_kl");
    }

    @Test
    void optionsOfTheReferenceHaveNoEffectOnSupervisedLoss() {
        for (String option :
                List.of("f-divergence=forward_kl", "ld-alpha=0.5", "beta-schedule={kind: linear, final-beta: 0.5}")) {
            assertThatExceptionOfType(InvalidInputException.class)
                    .isThrownBy(() -> changed(List.of("dpo.loss=sft", "dpo." + option)))
                    .withMessageContaining("has no effect on loss sft");
        }
    }

    @Test
    void lossesThatTakePairsApartTakeNoWeightsOfPairs() {
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> changed(List.of("dpo.loss=aot", "dpo.wpo=true")))
                .withMessageEndingWith("dpo.wpo: is not for loss aot, which takes pairs apart; found true");
    }

    /** Row 5 of the known bugs: a schedule of beta has a value in every iteration of every epoch. */
    @Test
    void betaGoesFromItsFirstValueToItsLast() {
        DpoSpec linear = changed(List.of("dpo.beta=0.3", "dpo.beta-schedule={kind: linear, final-beta: 0.1}"))
                .dpo();
        DpoSpec cosine = changed(List.of("dpo.beta=0.1", "dpo.beta-schedule={kind: cosine, final-beta: 0.3}"))
                .dpo();

        assertThat(linear.at(1, 5)).isEqualTo(DpoSpec.of(LossKind.SIGMOID, 0.3));
        assertThat(linear.at(2, 5).beta()).isCloseTo(0.25, within(1e-12));
        assertThat(linear.at(5, 5).beta()).isCloseTo(0.1, within(1e-12));
        assertThat(linear.at(9, 5).beta()).isCloseTo(0.1, within(1e-12));
        assertThat(linear.at(1, 1).beta()).isEqualTo(0.3);
        assertThat(cosine.at(3, 5).beta()).isCloseTo(0.2, within(1e-12));
        assertThat(cosine.at(5, 5).beta()).isCloseTo(0.3, within(1e-12));
    }

    @Test
    void aLossCanBeAdjusted() {
        RunSpec spec = spec(Map.of());

        RunSpec changed = Adjustment.apply(
                spec, Map.of("dpo.loss", List.of(Map.of("ipo", 1.0), Map.of("sft", 0.2)), "dpo.beta", 0.3));

        assertThat(changed.dpo().loss().terms())
                .containsExactly(new Term(LossKind.IPO, 1), new Term(LossKind.SFT, 0.2));
        assertThat(changed.dpo().beta()).isEqualTo(0.3);
    }

    @Test
    void refreshAtTheBestNeedsHeldOutPrompts() {
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> changed(List.of("reference.refresh=best")))
                .withMessageEndingWith("reference.refresh: needs data.held-out, which is not given");
    }

    @Test
    void aRunFileOfAMixtureIsReadAsItWasWritten() {
        RunSpec spec = changed(List.of("dpo.loss=[{sigmoid: 0.8}, {bco_pair: 0.2}]", "pairs.length-matched=0"));
        Path anywhere = Path.of("").toAbsolutePath();

        assertThat(RunFile.toYaml(spec, anywhere)).contains("sigmoid: 0.8");
        assertThat(RunFile.changed(spec, "--set", List.of())).isEqualTo(spec);
        assertThat(spec.pairs().lengthMatched()).isEqualTo(Optional.of(0.0));
    }

    private static RunSpec spec(Map<String, ?> settings) {
        Map<String, Object> all = new TreeMap<>(SMALLEST);
        all.putAll(settings);
        return RunFile.of(all);
    }

    private static RunSpec changed(List<String> sets) {
        return RunFile.changed(spec(Map.of()), "--set", sets);
    }
}
