package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.VerifierSpec;
import org.openstrawberry.config.VerifierSpec.Choice;
import org.openstrawberry.config.VerifierSpec.Contains;
import org.openstrawberry.config.VerifierSpec.Exact;
import org.openstrawberry.config.VerifierSpec.JsonSchema;
import org.openstrawberry.config.VerifierSpec.Length;
import org.openstrawberry.config.VerifierSpec.Numeric;
import org.openstrawberry.config.VerifierSpec.Regex;

class VerifiersTest {
    private static final VerifierSpec LETTER_COUNT = new Numeric("answer", "=", false, true, true, 0, 0);
    private static final VerifierSpec BOXED = new Numeric("answer", "", true, false, false, 0, 1e-6);

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
        VerifierSpec spec = new Numeric("answer", "", false, false, false, 0.01, 0);

        assertThat(score(spec, new TextNode("1,234.5"), "first 7, then 1234.505", false))
                .isEqualTo(1);
        assertThat(score(spec, new TextNode("1,234.5"), "1234.5, no: 7", false)).isEqualTo(0);
    }

    @Test
    void aToleranceMayBeAShareOfTheRightNumber() {
        VerifierSpec spec = new Numeric("answer", "", false, false, false, 0, 0.01);

        assertThat(score(spec, new IntNode(-2000), "-1980", false)).isEqualTo(1);
        assertThat(score(spec, new IntNode(-2000), "-1979", false)).isEqualTo(0);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "so \\boxed{42}. | 42 | 1",
                "\\boxed{7}, or rather \\boxed{42} | 42 | 1",
                "\\boxed{42}, or rather \\boxed{7} | 42 | 0",
                "the answer is 42 | 42 | 0",
                "\\boxed{42 | 42 | 0",
                "\\boxed{\\$1{,}234.50} | 1234.5 | 1",
                "\\boxed{x = -\\frac{3}{4}} | 4 | 1",
                "\\boxed{-\\frac{3}{4}} | -0.75 | 1",
                "\\boxed{\\dfrac{1}{3}} | 0.333333333 | 1",
                "\\boxed{3/4} | 0.75 | 1",
                "\\boxed{1/0} | 0 | 0",
                "\\boxed{\\text{about }12\\%} | 12 | 1",
                "\\boxed{} | 0 | 0"
            })
    void theNumberInTheLastBoxCounts(String completion, String answer, double reward) {
        assertThat(score(BOXED, new TextNode(answer), completion, true)).isEqualTo(reward);
    }

    @Test
    void exactComparesTexts() {
        assertThat(score(new Exact("answer", false, false, false, true), new TextNode("yes"), " yes ", false))
                .isEqualTo(1);
        assertThat(score(new Exact("answer", false, false, false, false), new TextNode("yes"), " yes ", false))
                .isEqualTo(0);
        assertThat(score(new Exact("answer", false, true, false, true), new TextNode("Yes"), "yES", false))
                .isEqualTo(1);
        assertThat(score(
                        new Exact("answer", true, false, false, true), new TextNode("x^{2}"), "\\boxed{x^{2}}!", false))
                .isEqualTo(1);
    }

    @Test
    void regexMatchesAnywhere() {
        assertThat(score(new Regex("b+", false), new TextNode(""), "abba", false))
                .isEqualTo(1);
        assertThat(score(new Regex("^b", false), new TextNode(""), "abba", false))
                .isEqualTo(0);
    }

    @Test
    void anExpressionThatWouldTakeYearsIsAnErrorAndNotAZero() {
        Reward years = Verifiers.of(new Regex("(x+x+)+y\\1", false));
        Reward deep = Verifiers.of(new Regex("(a|b)*c", false));

        assertThatThrownBy(() ->
                        years.score(sample(Map.of(), "x".repeat(60), true)).block())
                .isInstanceOf(RewardException.class)
                .hasMessageContaining("steps on this completion");
        assertThatThrownBy(() ->
                        deep.score(sample(Map.of(), "ab".repeat(100_000), true)).block())
                .isInstanceOf(RewardException.class)
                .hasMessageContaining("memory on this completion");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'' | The answer is B. | 1",
                "'' | (B) | 1",
                "'' | B, no: C | 0",
                "'' | Because | 0",
                "'' | b | 0",
                "Answer: | Answer: **B** as A is wrong | 1",
                "Answer: | Answer: (B) | 1",
                "Answer: | B | 0",
                "Answer: | Answer: Both | 0"
            })
    void aLetterIsChosen(String after, String completion, double reward) {
        Choice spec = new Choice("answer", "ABCD", Optional.empty(), after, false, false);

        assertThat(score(spec, new TextNode("B"), completion, true)).isEqualTo(reward);
    }

    @ParameterizedTest
    @CsvSource({"C, 1", "rome, 1", "It is Paris., 0", "Paris or Rome, 0", "D, 0"})
    void anOptionMayBeChosenByItsText(String completion, double reward) throws JsonProcessingException {
        Choice spec = new Choice("answer", "ABCD", Optional.of("options"), "", false, false);
        JsonNode options = new ObjectMapper().readTree("[\"London\", \"Paris\", \"Rome\"]");

        for (JsonNode answer : List.of(new IntNode(2), new TextNode("C"), new TextNode("Rome"))) {
            assertThat(score(spec, Map.of("answer", answer, "options", options), completion))
                    .isEqualTo(reward);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"name\": \"Ada\", \"age\": 36} | 1",
                "{\"name\": \"Ada\"} | 0",
                "{\"name\": \"Ada\", \"age\": \"36\"} | 0",
                "{\"name\": \"Ada\", \"age\": 36} and so on | 0",
                "{\"name\": \"Ada\", \"age\": 36, \"age\": 37} | 0",
                "no JSON | 0",
                "'' | 0"
            })
    void aJsonSchemaIsKept(String completion, double reward) throws JsonProcessingException {
        String schema =
                "{\"type\":\"object\",\"required\":[\"name\",\"age\"],\"properties\":{\"age\":{\"type\":\"integer\"}}}";
        Map<String, Object> given = Map.of(
                "type",
                "object",
                "required",
                List.of("name", "age"),
                "properties",
                Map.of("age", Map.of("type", "integer")));

        assertThat(score(new JsonSchema(Optional.of(given), Optional.empty(), false, false), Map.of(), completion))
                .isEqualTo(reward);
        assertThat(score(
                        new JsonSchema(Optional.empty(), Optional.of("schema"), true, false),
                        Map.of("schema", new ObjectMapper().readTree(schema)),
                        "Here:\n```json\n" + completion + "\n```\n"))
                .isEqualTo(reward);
    }

    @Test
    void aSchemaWithAMistakeIsToldBeforeAnyWork() {
        RewardSpec reward =
                RewardSpec.of(new JsonSchema(Optional.of(Map.of("pattern", "(")), Optional.empty(), false, false), 0.5);

        assertThatThrownBy(() -> Verifiers.checkSchemas(reward))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith("reward.verifier.schema: expected a JSON schema");
    }

    @Test
    void termsAreScoredByTheirShare() throws JsonProcessingException {
        JsonNode terms = new ObjectMapper().readTree("[\"sun\", \"moon\", \"red star\", \"C++\"]");
        Contains present = new Contains(Optional.empty(), Optional.of("terms"), false, true, true, false);
        Contains absent = new Contains(Optional.empty(), Optional.of("terms"), true, false, false, false);

        assertThat(score(present, Map.of("terms", terms), "Sun, moonlight, RED STAR and c++"))
                .isEqualTo(0.75);
        assertThat(score(absent, Map.of("terms", terms), "Sun, moonlight")).isEqualTo(0.75);
    }

    @ParameterizedTest
    @CsvSource({"5, 1", "10, 1", "4, 0.75", "1, 0", "12, 0.5", "14, 0", "100, 0"})
    void lengthFallsOffOutsideItsRange(int words, double reward) {
        Length spec = new Length(Length.Unit.WORDS, 5, 10, 4, false);

        assertThat(score(spec, Map.of(), "ab ".repeat(words))).isEqualTo(reward, within(1e-12));
    }

    @Test
    void lengthCountsCharactersAndTokens() {
        assertThat(score(new Length(Length.Unit.CHARACTERS, 0, 2, 0, false), Map.of(), "🍓🍓"))
                .isEqualTo(1);
        assertThat(score(new Length(Length.Unit.TOKENS, 0, 3, 0, false), Map.of(), "of four tokens"))
                .isEqualTo(0);
    }

    @Property
    void aVerifierGivesAnyCompletionFromZeroToOne(@ForAll String completion, @ForAll boolean ended) {
        Map<String, JsonNode> fields = Map.of("answer", new TextNode("B"), "number", new IntNode(1));
        for (VerifierSpec spec : List.of(
                new Numeric("number", "", true, false, false, 0, 0),
                new Exact("answer", true, true, true, true),
                new Choice("answer", "ABCD", Optional.empty(), "", false, false),
                new JsonSchema(Optional.of(Map.of("type", "object")), Optional.empty(), true, true),
                new Contains(Optional.of(List.of("a", "B")), Optional.empty(), false, true, true, false),
                new Length(Length.Unit.CHARACTERS, 3, 9, 5, false))) {
            assertThat(Verifiers.of(spec)
                            .score(sample(fields, completion, ended))
                            .block())
                    .isBetween(0.0, 1.0);
        }
    }

    @Test
    void aRowWithoutAnAnswerIsNamed() {
        PromptRow row = new PromptRow(4, 5, "p", Map.of("answer", new TextNode("many")));

        assertThatThrownBy(() -> Verifiers.check(RewardSpec.of(LETTER_COUNT, 0.5), row))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("field \"answer\": expected a number, found \"many\"");
        assertThatThrownBy(() -> Verifiers.check(
                        RewardSpec.of(new Choice("answer", "ABCD", Optional.empty(), "", false, false), 0.5), row))
                .hasMessage("field \"answer\": expected one of the letters ABCD, found \"many\"");
    }

    private static double score(VerifierSpec spec, JsonNode answer, String completion, boolean ended) {
        return score(spec, sample(Map.of("answer", answer), completion, ended));
    }

    private static double score(VerifierSpec spec, Map<String, JsonNode> fields, String completion) {
        return score(spec, sample(fields, completion, true));
    }

    private static double score(VerifierSpec spec, Sample sample) {
        Double reward = Verifiers.of(spec).score(sample).block();
        assertThat(reward).isNotNull();
        return reward == null ? Double.NaN : reward;
    }

    private static Sample sample(Map<String, JsonNode> fields, String completion, boolean ended) {
        return new Sample("prompt", fields, completion, ended, 4);
    }
}
