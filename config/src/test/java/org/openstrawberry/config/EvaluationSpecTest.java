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
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The block {@code evaluation} of a run file, and the judge in it. */
class EvaluationSpecTest {
    private static final String REST =
            "model: { policy: base/ }\ndata: { prompts: train.jsonl, held-out: heldout.jsonl }\n";
    private static final String OWN = "reward: { classifier: { model: rm/ } }\n";
    private static final String PAIRWISE = "reward: { judge: { kind: pairwise, url: 'http://h/v1', model: m } }\n";

    private final Path folder;

    EvaluationSpecTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    void withoutAJudgeASpecificationIsWrittenAsBeforeThereWereJudges() {
        RunSpec spec = read(OWN);

        assertThat(spec.evaluation().reward()).isEmpty();
        assertThat(RunFile.toYaml(spec, folder)).contains("evaluation:\n  every: 10\n  samples: 1\ncheckpoints:");
    }

    @Test
    void aJudgeHasTheDefaultsOfItsKindAndIsWrittenAsAnEqualOne() throws JsonProcessingException {
        RunSpec spec = read(OWN + "evaluation: { reward: { verifier: { kind: numeric, after: '=' } } }\n");
        Path written = folder.resolve("written.yaml");
        RunFile.write(spec, written);
        ObjectMapper payloads = new ObjectMapper().registerModule(new Jdk8Module());

        assertThat(spec.evaluation().reward())
                .contains(RewardSpec.of(new VerifierSpec.Numeric("answer", "=", false, false, false, 0, 0), 0.5));
        assertThat(RunFile.read(written, List.of())).isEqualTo(spec);
        assertThat(payloads.readValue(payloads.writeValueAsString(spec), RunSpec.class))
                .isEqualTo(spec);
        assertThat(RunFile.hash(spec, folder)).isNotEqualTo(RunFile.hash(read(OWN), folder));
    }

    @Test
    void pathsOfAJudgeAreRelativeToTheRunFile() {
        RunSpec spec = read(OWN + "evaluation: { reward: { classifier: { model: judge/ } } }\n");

        assertThat(spec.evaluation().reward().orElseThrow().kind())
                .isEqualTo(new ClassifierSpec(folder.resolve("judge").toString(), 16, 2));
        assertThat(RunFile.toYaml(spec, folder)).contains("model: \"judge\"");
    }

    @Test
    void aJudgeIsChosenByOptionsInAnyOrderAndRemovedByNull() {
        String exact = OWN + "evaluation: { reward: { verifier: { kind: exact, answer-field: a } } }\n";

        assertThat(read(exact, "evaluation.reward.verifier.pattern=x", "evaluation.reward.verifier.kind=regex")
                        .evaluation()
                        .reward()
                        .orElseThrow()
                        .kind())
                .isEqualTo(new VerifierSpec.Regex("x", false));
        assertThat(read(exact, "evaluation.reward=null").evaluation().reward()).isEmpty();
    }

    @Test
    void aPairwiseRewardGoesWithHeldOutPromptsOnceSomethingElseJudgesThem() {
        assertThat(read(PAIRWISE + "evaluation: { reward: { verifier: { kind: exact } } }\n")
                        .reward()
                        .comparesBranches())
                .isTrue();
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> read(PAIRWISE))
                .withMessageContaining("data.held-out: must be null without evaluation.reward");
    }

    static Stream<Arguments> mistakes() {
        return Stream.of(
                arguments(
                        "{ reward: { judge: { kind: pairwise, url: 'http://h/v1', model: m } } }",
                        ":4:40: evaluation.reward.judge.kind: must be no pairwise judge"),
                arguments(
                        "{ reward: { sum: { parts: { a: { verifier: { kind: exact } } }, normalize: rank } } }",
                        ":4:88: evaluation.reward.sum.normalize: must be none, since"),
                arguments(
                        "{ reward: { verifier: { kind: exact }, java: { name: a } } }",
                        ":4:58: evaluation.reward.java: stands beside verifier"),
                arguments(
                        "{ reward: { verifier: { kind: exact }, quorum: 0 } }",
                        ":4:60: evaluation.reward.quorum: must be above 0 and at most 1, found 0"),
                arguments("{ reward: { verifier: { kind: exact, wrong: 1 } } }", ":4:50: evaluation.reward.verifier"),
                arguments("{ reward: verifier }", ":4:23: evaluation.reward: expected a block of keys"));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void aMistakeIsNamedByItsPlace(String evaluation, String message) {
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> read(OWN + "evaluation: " + evaluation + "\n"))
                .withMessageContaining(message);
    }

    @Test
    void aJudgeWithoutHeldOutPromptsIsRefused() {
        String judged = OWN + "evaluation: { reward: { verifier: { kind: exact } } }\n";

        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> read(judged, "data.held-out=null"))
                .withMessageContaining("evaluation.reward: needs data.held-out, which is not given");
    }

    @Test
    void aLivingRunKeepsItsJudge() {
        RunSpec spec = read(OWN + "evaluation: { reward: { verifier: { kind: exact } } }\n");

        assertThat(Adjustment.apply(spec, Map.of("evaluation.samples", 3))
                        .evaluation()
                        .samples())
                .isEqualTo(3);
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> Adjustment.apply(spec, Map.of("evaluation.reward.quorum", 0.9)))
                .withMessageContaining("evaluation.reward.quorum: can't change while the run lives");
    }

    private RunSpec read(String text, String... sets) {
        try {
            return RunFile.read(Files.writeString(folder.resolve("run.yaml"), REST + text), List.of(sets));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
