package org.openstrawberry.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class RunSpecTest {

    private static final ScheduleSpec CONSTANT = new ScheduleSpec(ScheduleSpec.Kind.CONSTANT, 0, 0);

    static Stream<ObjectMapper> mappers() {
        ObjectMapper plain = new ObjectMapper().registerModule(new Jdk8Module());
        ObjectMapper byFields = plain.copy().setVisibility(PropertyAccessor.FIELD, JsonAutoDetect.Visibility.ANY);
        return Stream.of(plain, byFields);
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void everyPlainJsonMapperReadsWhatItWrote(ObjectMapper mapper) throws JsonProcessingException {
        for (VerifierSpec verifier : List.of(
                new VerifierSpec.Numeric("answer", "=", false, true, true, 0.5, 0.01),
                new VerifierSpec.Exact("text", true, false, true, false),
                new VerifierSpec.Regex("a|b", false))) {
            RunSpec spec = spec(verifier);

            assertThat(mapper.readValue(mapper.writeValueAsString(spec), RunSpec.class))
                    .isEqualTo(spec);
        }
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void jsonHasTheKeysOfTheRunFile(ObjectMapper mapper) {
        JsonNode json = mapper.valueToTree(spec(new VerifierSpec.Regex("x", false)));

        assertThat(json.at("/sampling/max-new-tokens").intValue()).isEqualTo(48);
        assertThat(json.at("/sampling/top-k").isInt()).isTrue();
        assertThat(json.at("/data/held-out").textValue()).isEqualTo("/data/heldout.jsonl");
        assertThat(json.at("/reward/verifier/kind").textValue()).isEqualTo("regex");
        assertThat(json.at("/until/held-out-at-least").doubleValue()).isEqualTo(0.9);
        assertThat(json.at("/until/wall-time").isNull()).isTrue();
        assertThat(json.at("/optimizer/kind").textValue()).isEqualTo("adamw");
        assertThat(json.findValues("due")).isEmpty();
        assertThat(json.findValues("wall-time-limit")).isEmpty();
    }

    @Test
    void theReferenceIsDueEveryRIterationsUnlessNever() {
        assertThat(due(ReferenceSpec.Refresh.EVERY)).containsExactly(3, 6, 9);
        assertThat(due(ReferenceSpec.Refresh.SOFT)).containsExactly(3, 6, 9);
        assertThat(due(ReferenceSpec.Refresh.NEVER)).isEmpty();
    }

    private static List<Integer> due(ReferenceSpec.Refresh refresh) {
        ReferenceSpec spec = new ReferenceSpec(refresh, 3, 0.5);
        return IntStream.rangeClosed(0, 10).filter(spec::due).boxed().toList();
    }

    @Test
    void wallTimeIsReadInSecondsMinutesHoursAndDays() {
        assertThat(wallTime("45s")).contains(Duration.ofSeconds(45));
        assertThat(wallTime("90m")).contains(Duration.ofMinutes(90));
        assertThat(wallTime("12h")).contains(Duration.ofHours(12));
        assertThat(wallTime("2d")).contains(Duration.ofDays(2));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0m", "m", "1.5h", "-1h", "1w", "1 h", "9999999999d"})
    void otherWallTimesAreRefused(String text) {
        assertThatIllegalArgumentException().isThrownBy(() -> wallTime(text)).withMessageStartingWith("wall-time: ");
    }

    private static Optional<Duration> wallTime(String text) {
        return new UntilSpec(
                        1, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.of(text))
                .wallTimeLimit();
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, -1, 0})
    void noConstructorTakesWhatIsNoPositiveNumber(double number) {
        assertThatIllegalArgumentException().isThrownBy(() -> DpoSpec.of(LossKind.SIGMOID, number));
    }

    private static RunSpec spec(VerifierSpec verifier) {
        return new RunSpec(
                "a.name",
                Long.MAX_VALUE,
                new ModelSpec(
                        "/base",
                        ModelSpec.Dtype.FLOAT32,
                        "cuda:1",
                        3,
                        true,
                        Optional.of(LoraSpec.fresh(8, 16, true, List.of("q_proj", "v_proj")))),
                Optional.of(new WarmupSpec(
                        "/data/warmup.jsonl", 800, 64, 1e-3, List.of(0.9, 0.98), 0.01, 1, CONSTANT, 8192, 100)),
                DataSpec.of("/data/train.jsonl", Optional.of("/data/heldout.jsonl"), "question"),
                new SamplingSpec(
                        16, 4, 0.7, 5, 0.9, 0.05, 3, 48, 2, SamplingSpec.Branching.FLAT, 0, 256, Optional.empty()),
                RewardSpec.of(verifier, 0.5),
                PairsSpec.of(2, PairOrder.EXTREMES),
                DpoSpec.of(LossKind.SIGMOID, 0.1),
                new OptimizerSpec(
                        OptimizerSpec.Kind.ADAMW,
                        2e-4,
                        List.of(0.9, 0.999),
                        1e-8,
                        0,
                        0.1,
                        OptimizerSpec.Decay.ALL,
                        0,
                        new ScheduleSpec(ScheduleSpec.Kind.COSINE, 5, 0.1),
                        4096,
                        Optional.empty(),
                        Optional.of(1),
                        0),
                new ReferenceSpec(ReferenceSpec.Refresh.EVERY, 5, 0.6),
                new UntilSpec(
                        100, Optional.of(0.01), Optional.of(0.9), Optional.of(3), Optional.empty(), Optional.empty()),
                new EvaluationSpec(10, 0, Optional.empty()),
                new CheckpointSpec(10, 2, 50),
                Optional.empty());
    }
}
