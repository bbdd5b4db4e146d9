package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.activities.rewards.PairwiseScorer.Compared;
import org.openstrawberry.activities.rewards.PairwiseScorer.Two;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.rewards.Service.Answer;

/** Judges behind an OpenAI-compatible API, which a real server speaks. */
@Timeout(60)
class JudgesTest extends RewardsTest {
    @AfterEach
    void stop() {
        close();
    }

    private static Answer says(String text) {
        JsonNodeFactory json = JsonNodeFactory.instance;
        return Answer.of(json.objectNode()
                .set(
                        "choices",
                        json.arrayNode()
                                .add(json.objectNode()
                                        .set("message", json.objectNode().put("content", text))))
                .toString());
    }

    private static Map<String, Object> judge(Service service, String kind, Object... more) {
        Map<String, Object> judge = new TreeMap<>(Map.of("kind", kind, "url", service.url(), "model", "umpire"));
        for (int i = 0; i < more.length; i += 2) {
            judge.put((String) more[i], more[i + 1]);
        }
        return Map.of("judge", judge, "retries", 1);
    }

    private static String question(JsonNode request) {
        return request.at("/messages/0/content").textValue();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "Good. Score: 8 | 8",
                "score:7/10 | 7",
                "At first Score: 3, but then **Score:** 9.5 | 9.5",
                "Score: 1 | 1"
            })
    void aPointwiseJudgesLastScoreCounts(String answer, double score) {
        try (Service service = new Service(request -> says(answer))) {
            assertThat(values(score(judge(service, "pointwise"), "2"))).containsExactly(score);
            assertThat(service.requests.get(0).path("model").textValue()).isEqualTo("umpire");
            assertThat(service.requests.get(0).path("temperature").doubleValue())
                    .isZero();
            assertThat(question(service.requests.get(0))).contains("[Question]\n1+1=\n", "[Answer]\n2\n");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"no verdict", "Score: many", "Score: 11", "Score: 0", "Score: -3", ""})
    void anAnswerWithoutABelievableScoreIsAnErrorAndNeverAZero(String answer) {
        try (Service service = new Service(request -> says(answer))) {
            assertThat(values(score(judge(service, "pointwise"), "2"))).containsExactly(Double.NaN);
            assertThat(service.requests).hasSize(2);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"{}", "{\"choices\": []}", "{\"choices\": [{\"message\": {\"content\": null}}]}", "x", "[]"})
    void anAnswerThatIsNoChatCompletionIsAnError(String body) {
        try (Service service = new Service(request -> Answer.of(body))) {
            assertThat(values(score(judge(service, "pointwise"), "2"))).containsExactly(Double.NaN);
        }
    }

    @Test
    void aJudgeThatIsBusyIsAskedAgain() {
        try (Service service = new Service(request -> says("Score: 5"))) {
            service.first(Answer.status(429).retryAfter("1"));

            assertThat(values(score(judge(service, "pointwise"), "2"))).containsExactly(5.0);
            assertThat(service.moments.get(1) - service.moments.get(0)).isGreaterThan(990_000_000L);
        }
    }

    @Test
    void aTemplateIsFilledInOnceWithPromptCompletionAndFields() {
        Sample sample = new Sample("Q", Map.of("answer", new TextNode("{{completion}}")), "{{prompt}} $1 \\", true, 3);

        assertThat(Judges.filled(
                        "{{prompt}}|{{completion}}|{{fields.answer}}",
                        sample,
                        Map.of("completion", sample.completion())))
                .isEqualTo("Q|{{prompt}} $1 \\|{{completion}}");
    }

    @Test
    void aFieldThatTheRowLacksIsAnErrorWithoutARequest() {
        try (Service service = new Service(request -> says("Score: 5"))) {
            assertThat(errors(score(judge(service, "pointwise", "template", "{{completion}} {{fields.answer}}"), "2")))
                    .containsExactly("the judge's template has {{fields.answer}}, which the prompt's row lacks");
            assertThat(service.requests).isEmpty();
        }
    }

    /** Prefers the longer answer, and the first where they are as long. */
    private static Answer longer(JsonNode request) {
        String[] answers = question(request).split("\\[Answer [AB]]\n");
        int first = answers[1].strip().length();
        int second = answers[2].lines().findFirst().orElse("").length();
        return says("I prefer [[" + (first >= second ? "A" : "B") + "]]");
    }

    @Test
    void aPairwiseRewardIsTheShareOfComparisonsWonInBothOrders() {
        try (Service service = new Service(JudgesTest::longer)) {
            // bb and cc win once each by standing first: half a comparison for each.
            assertThat(values(score(judge(service, "pairwise"), "a", "bb", "cc", "dddd")))
                    .containsExactly(0.0, 0.5, 0.5, 1.0);
            assertThat(service.requests).hasSize(12);
        }
    }

    @Test
    void identicalCompletionsTieWithoutARequest() {
        try (Service service = new Service(JudgesTest::longer)) {
            assertThat(values(score(judge(service, "pairwise"), "a", "a"))).containsExactly(0.5, 0.5);
            assertThat(service.requests).isEmpty();
        }
    }

    @Test
    void aCompletionThatCannotBeJudgedHasNoRewardAndTheOthersDo() {
        try (Service service =
                new Service(request -> question(request).contains("poison") ? Answer.status(500) : longer(request))) {
            assertThat(values(score(judge(service, "pairwise"), "a", "poison", "ccc", "bb")))
                    .containsExactly(0.0, Double.NaN, 1.0, 0.5);
        }
    }

    @Test
    void aCompletionAloneHasNothingToBeComparedWith() {
        try (Service service = new Service(JudgesTest::longer)) {
            assertThat(errors(score(judge(service, "pairwise"), "a")))
                    .containsExactly("no other completion of the prompt to compare with");
        }
    }

    /** Whatever comparisons fail, rewards are win rates within those that have one, or there is none. */
    @Property(tries = 200)
    void winRatesComeFromTheSameOpponents(@ForAll @IntRange(min = 1, max = 6) int size, @ForAll long seed) {
        Random chance = new Random(seed);
        List<Compared> compared = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            for (int j = i + 1; j < size; j++) {
                boolean failed = chance.nextInt(4) == 0;
                compared.add(new Compared(
                        new Two(i, j),
                        failed ? Optional.empty() : Optional.of(chance.nextInt(5) / 4.0),
                        failed ? Optional.of("failed") : Optional.empty()));
            }
        }
        List<Scored> rates = PairwiseScorer.rates(size, compared);
        List<Integer> left = IntStream.range(0, size)
                .filter(i -> rates.get(i).reward().isPresent())
                .boxed()
                .toList();

        assertThat(compared)
                .filteredOn(each -> left.contains(each.two().first())
                        && left.contains(each.two().second()))
                .allMatch(each -> each.won().isPresent());
        double sum = rates.stream()
                .flatMap(rate -> rate.reward().stream())
                .mapToDouble(r -> r)
                .sum();
        assertThat(sum).isCloseTo(left.size() / 2.0, within(1e-9));
        assertThat(left.size()).isNotEqualTo(1);
    }
}
