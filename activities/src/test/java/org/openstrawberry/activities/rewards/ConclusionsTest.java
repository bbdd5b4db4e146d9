package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.openstrawberry.config.RunFile;

class ConclusionsTest {

    static Stream<Arguments> thoughts() {
        Map<String, Object> number = Map.of("kind", "numeric", "after", "=");
        Map<String, Object> letter = Map.of("kind", "choice", "after", "Answer:");
        Map<String, Object> box = Map.of("kind", "exact", "boxed", true);
        Map<String, Object> pattern = Map.of("kind", "regex", "pattern", "x");
        return Stream.of(
                arguments(Map.of("verifier", number), "1+1=2 so =  3 ", "3"),
                arguments(Map.of("verifier", number), "no idea", "no idea"),
                arguments(Map.of("verifier", letter), "A or B?\nAnswer: B\n", "B"),
                arguments(Map.of("verifier", box), "It is \\boxed{ {a} }, I think", "{a}"),
                arguments(Map.of("verifier", box), "It is\na", "a"),
                arguments(Map.of("verifier", pattern), "first\n  last \n", "last"),
                arguments(
                        Map.of(
                                "sum",
                                Map.of(
                                        "parts",
                                        Map.of(
                                                "form", Map.of("verifier", pattern),
                                                "right", Map.of("weight", 2, "verifier", letter)))),
                        "Answer: A, no,\nAnswer: C",
                        "C"),
                arguments(
                        Map.of("judge", Map.of("kind", "pairwise", "url", "http://h/v1", "model", "m")),
                        "so\nyes",
                        "yes"));
    }

    @ParameterizedTest
    @MethodSource("thoughts")
    void anAnswerIsReadAsTheRunsVerifierDoes(Map<String, Object> reward, String thought, String answer) {
        assertThat(Conclusions.of(RunFile.of(Map.of(
                                        "name",
                                        "run",
                                        "model.policy",
                                        "base",
                                        "data.prompts",
                                        "p.jsonl",
                                        "reward",
                                        reward))
                                .reward())
                        .apply(thought))
                .isEqualTo(answer);
    }
}
