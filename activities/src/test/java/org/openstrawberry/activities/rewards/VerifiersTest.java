package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.VerifierSpec;
import org.openstrawberry.config.VerifierSpec.Exact;
import org.openstrawberry.config.VerifierSpec.Numeric;
import org.openstrawberry.config.VerifierSpec.Regex;

class VerifiersTest {
    private static final VerifierSpec LETTER_COUNT = new Numeric("answer", "=", true, true, 0);

    @ParameterizedTest
    @CsvSource({
        "s t r1 a w b e r2 r3 y =3, true, 1",
        "=3, true, 1",
        "=3, false, 0",
        "=2, true, 0",
        "=3 =3, true, 0",
        "=, true, 0",
        "3, true, 0",
        "=33, true, 0"
    })
    void theShippedVerifierWantsOneRightAnswerAndAnEnd(String completion, boolean ended, double reward) {
        assertThat(score(LETTER_COUNT, new IntNode(3), completion, ended)).isEqualTo(reward);
    }

    @Test
    void withoutAMarkTheLastNumberCounts() {
        VerifierSpec spec = new Numeric("answer", "", false, false, 0.01);

        assertThat(score(spec, new TextNode("1,234.5"), "first 7, then 1234.505", false))
                .isEqualTo(1);
        assertThat(score(spec, new TextNode("1,234.5"), "1234.5, no: 7", false)).isEqualTo(0);
    }

    @Test
    void exactComparesTexts() {
        assertThat(score(new Exact("answer", false, true), new TextNode("yes"), " yes ", false))
                .isEqualTo(1);
        assertThat(score(new Exact("answer", false, false), new TextNode("yes"), " yes ", false))
                .isEqualTo(0);
    }

    @Test
    void regexMatchesAnywhere() {
        assertThat(score(new Regex("b+", false), new TextNode(""), "abba", false))
                .isEqualTo(1);
        assertThat(score(new Regex("^b", false), new TextNode(""), "abba", false))
                .isEqualTo(0);
    }

    @Test
    void aLineWithoutAnAnswerIsNamed() {
        PromptRow row = new PromptRow(4, 5, "p", Map.of("answer", new TextNode("many")));

        assertThatThrownBy(() -> Verifiers.check(LETTER_COUNT, Path.of("train.jsonl"), List.of(row)))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage("train.jsonl:5: field \"answer\": expected a number, found \"many\"");
    }

    private static Double score(VerifierSpec spec, JsonNode answer, String completion, boolean ended) {
        Double reward = Verifiers.of(spec)
                .score(new Sample("prompt", Map.of("answer", answer), completion, ended))
                .block();
        assertThat(reward).isNotNull();
        return reward == null ? Double.NaN : reward;
    }
}
