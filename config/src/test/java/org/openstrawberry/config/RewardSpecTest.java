package org.openstrawberry.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The block {@code reward} of a run file: a choice by key. */
class RewardSpecTest {
    private static final String REST = "model: { policy: base/ }\ndata: { prompts: train.jsonl }\n";

    private final Path folder;

    RewardSpecTest(@TempDir Path folder) {
        this.folder = folder;
    }

    static Stream<Arguments> kinds() {
        return Stream.of(
                arguments("{ verifier: { kind: choice } }", VerifierSpec.Choice.class),
                arguments(
                        "{ verifier: { kind: json-schema, schema: { type: object, required: [a] } } }",
                        VerifierSpec.JsonSchema.class),
                arguments("{ verifier: { kind: contains, terms: [a, b] } }", VerifierSpec.Contains.class),
                arguments("{ verifier: { kind: length, to: 80 } }", VerifierSpec.Length.class),
                arguments("{ command: { run: [python3, reward.py] }, timeout: 5s }", CommandSpec.class),
                arguments(
                        "{ http: { url: 'http://host/score', headers: { Authorization: 'Bearer ${env:TOKEN}' } },"
                                + " rate-per-second: 2.5 }",
                        HttpSpec.class),
                arguments("{ judge: { kind: pointwise, url: 'http://host/v1', model: m } }", JudgeSpec.Pointwise.class),
                arguments(
                        "{ judge: { kind: pairwise, url: 'http://host/v1', model: m, temperature: null } }",
                        JudgeSpec.Pairwise.class),
                arguments("{ java: { name: mine, settings: { a: { b: 1 } } } }", JavaSpec.class),
                arguments("{ classifier: { model: rm/ } }", ClassifierSpec.class),
                arguments(
                        "{ sum: { parts: { right: { verifier: { kind: exact } }, kind: { weight: 0.5, http: { url:"
                                + " 'http://h/' }, retries: 0 } }, normalize: rank } }",
                        SumSpec.class));
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void everyKindIsReadAndWrittenAsAnEqualOne(String reward, Class<? extends RewardKind> kind)
            throws JsonProcessingException {
        RunSpec spec = read("reward: " + reward);
        Path written = folder.resolve("written.yaml");
        RunFile.write(spec, written);
        ObjectMapper payloads = new ObjectMapper().registerModule(new Jdk8Module());

        assertThat(spec.reward().kind()).isInstanceOf(kind);
        assertThat(RunFile.read(written, List.of())).isEqualTo(spec);
        assertThat(payloads.readValue(payloads.writeValueAsString(spec), RunSpec.class))
                .isEqualTo(spec);
    }

    static Stream<Arguments> mistakes() {
        return Stream.of(
                arguments(
                        "{ verifier: { kind: exact }, command: { run: [a] } }",
                        ":3:47: reward.command: stands beside verifier; expected one of verifier, command, http, judge,"
                                + " java, classifier or sum (null removes one)"),
                arguments(
                        "{ verifier: { kind: exact }, timeout: 3s }",
                        ":3:47: reward.timeout: has no effect beside verifier; it is for command, http, judge and"
                                + " java"),
                arguments(
                        "{ command: { run: [a] }, timeout: 3 s }",
                        ":3:43: reward.timeout: must be a whole number and s, m, h or d, such as 90m, found \"3 s\""),
                arguments(
                        "{ command: { run: [a] }, retries: -1 }",
                        ":3:43: reward.retries: must be from 0 to 20, found -1"),
                arguments(
                        "{ command: { run: a } }", ":3:27: reward.command.run: expected a list of texts, found \"a\""),
                arguments(
                        "{ command: { run: [] } }",
                        ":3:27: reward.command.run: must be a program and its arguments, such as [python3, reward.py],"
                                + " found []"),
                arguments("{ http: { batch: 2 } }", ": reward.http.url: missing; expected a text"),
                arguments(
                        "{ http: { url: host/score } }",
                        ":3:24: reward.http.url: must be an address that begins with http:// or https://, found"
                                + " \"host/score\""),
                arguments(
                        "{ http: { url: 'http://me:secret@host/' } }",
                        ":3:24: reward.http.url: must be an address without user and password, found \"host\""),
                arguments(
                        "{ http: { url: 'http://h/', headers: { X-Api-Key: abc123 } } }",
                        ":3:59: reward.http.headers.X-Api-Key: must take its secret from the environment, such as"
                                + " ${env:TOKEN}, found a text without a ${env:…}"),
                arguments(
                        "{ http: { url: 'http://h/', headers: { Accept: 3 } } }",
                        ":3:46: reward.http.headers: expected a block of keys with texts, found a block of keys"),
                arguments(
                        "{ judge: { kind: pointwise, url: 'http://h/', model: m, template: '{{prompt}}' } }",
                        ":3:75: reward.judge.template: must hold {{completion}}, found \"{{prompt}}\""),
                arguments(
                        "{ judge: { kind: pairwise, url: 'http://h/', model: m, template: '{{frist}} {{second}}' } }",
                        ":3:74: reward.judge.template: must hold no {{…}} but prompt, fields.NAME, first, second; found"
                                + " \"{{frist}}\""),
                arguments(
                        "{ judge: { kind: pairwise, url: 'http://h/', model: m, rating: 1 } }",
                        ":3:64: reward.judge.rating: unknown key; expected url, model, headers, system, template,"
                                + " pattern, max-tokens or temperature"),
                arguments(
                        "{ sum: { parts: {} } }",
                        ":3:25: reward.sum.parts: must be one or more named rewards, found {}"),
                arguments(
                        "{ sum: { parts: { a: { weight: 1 } } } }",
                        ": reward.sum.parts.a.verifier: missing; expected a reward: one of verifier, command, http,"
                                + " judge, java or classifier"),
                arguments(
                        "{ sum: { parts: { a: { verifier: { kind: exact }, wieght: 1 } } } }",
                        ":3:59: reward.sum.parts.a.wieght: unknown key; did you mean reward.sum.parts.a.weight?"),
                arguments(
                        "{ sum: { parts: { a: { verifier: { kind: exact }, weight: 0 } } } }",
                        ":3:67: reward.sum.parts.a.weight: must be a number that is not 0, found 0"),
                arguments(
                        "{ sum: { parts: { a: { verifier: { kind: exact } } } }, retries: 1 }",
                        ":3:74: reward.retries: has no effect beside sum; it belongs into the parts"),
                arguments(
                        "{ verifier: { kind: json-schema } }",
                        ": reward.verifier.schema: missing; expected a JSON schema here, or schema-field"),
                arguments(
                        "{ verifier: { kind: numeric, after: '=', boxed: true } }",
                        ":3:57: reward.verifier.boxed: stands beside after; expected one of them"));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void aMistakeIsNamedByItsPlace(String reward, String message) {
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> read("reward: " + reward))
                .withMessage(folder.resolve("run.yaml") + message);
    }

    @Test
    void limitsAreThoseOfTheKindUnlessWritten() {
        assertThat(read("reward: { command: { run: [a] } }").reward().limits())
                .isEqualTo(new RewardLimits(Duration.ofSeconds(30), 1, Optional.empty(), 3));
        assertThat(read("reward: { http: { url: 'http://h/' }, timeout: 2m, concurrency: 3, rate-per-second: 0.5,"
                                + " retries: 0 }")
                        .reward()
                        .limits())
                .isEqualTo(new RewardLimits(Duration.ofMinutes(2), 3, Optional.of(0.5), 0));
    }

    @Test
    void pathsAreRelativeToTheRunFile() {
        RunSpec spec = read(
                "reward: { sum: { parts: { a: { command: { run: [a] } }, b: { classifier: { model: rm } } } }" + " }");
        assertThat(((SumSpec) spec.reward().kind()).parts().values())
                .extracting(SumSpec.Part::kind)
                .containsExactly(
                        new CommandSpec(List.of("a"), folder.toString()),
                        new ClassifierSpec(folder.resolve("rm").toString(), 16, 2));
    }

    @Test
    void anotherKindOfJudgeLeavesTheSettingsOfTheOldOneBehind() {
        RunSpec spec = read(
                "reward: { judge: { kind: pointwise, url: 'http://h/', model: m, to: 5 } }",
                "reward.judge={kind: pairwise, url: 'http://h/', model: m}");

        assertThat(spec.reward().kind()).isInstanceOf(JudgeSpec.Pairwise.class);
    }

    private RunSpec read(String reward, String... sets) {
        try {
            return RunFile.read(Files.writeString(folder.resolve("run.yaml"), REST + reward + "\n"), List.of(sets));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
