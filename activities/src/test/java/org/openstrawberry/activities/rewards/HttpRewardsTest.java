package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.rewards.Service.Answer;
import org.openstrawberry.config.InvalidInputException;

/** Rewards by HTTP, from a real server that misbehaves. */
@Timeout(60)
class HttpRewardsTest extends RewardsTest {
    /** Scores a completion by its length. */
    private final Service service = new Service(request -> Answer.of(lengths(request)));

    @AfterEach
    void stop() {
        close();
        service.close();
    }

    private static String lengths(JsonNode request) {
        List<String> scores = new ArrayList<>();
        request.path("samples")
                .forEach(sample -> scores.add(
                        String.valueOf(sample.path("completion").textValue().length())));
        return "{\"scores\": " + scores + "}";
    }

    private Map<String, Object> http(Object... more) {
        TreeMap<String, Object> reward = new TreeMap<>();
        reward.put("http.url", service.url());
        reward.put("retries", 2);
        for (int i = 0; i < more.length; i += 2) {
            reward.put((String) more[i], more[i + 1]);
        }
        return nested(reward);
    }

    /** Dotted keys as blocks. */
    private static Map<String, Object> nested(Map<String, Object> dotted) {
        Map<String, Object> http = new TreeMap<>();
        Map<String, Object> reward = new TreeMap<>();
        dotted.forEach((key, value) -> {
            if (key.startsWith("http.")) {
                http.put(key.substring("http.".length()), value);
            } else {
                reward.put(key, value);
            }
        });
        reward.put("http", http);
        return reward;
    }

    @Test
    void aGroupIsScoredInBatchesInItsOrder() {
        assertThat(values(score(http("http.batch", 2), "a", "bbb", "cc", "", "eeee")))
                .containsExactly(1.0, 3.0, 2.0, 0.0, 4.0);
        assertThat(service.requests)
                .extracting(request -> request.path("samples").size())
                .containsExactlyInAnyOrder(2, 2, 1);
    }

    @Test
    void theContractIsThatOfTheDocs() {
        score(
                http("http.headers", Map.of("Authorization", "Bearer ${env:TOKEN}")),
                List.of(new Sample("1+1=", Map.of("answer", new TextNode("2")), "2", false, 7)));

        assertThat(service.requests.get(0))
                .hasToString("{\"samples\":[{\"prompt\":\"1+1=\",\"completion\":\"2\",\"ended\":false,\"tokens\":7,"
                        + "\"fields\":{\"answer\":\"2\"}}]}");
        assertThat(service.authorizations).containsExactly("Bearer " + TOKEN);
    }

    static Stream<Arguments> failures() {
        return Stream.of(
                arguments(always(Answer.status(500)), "HTTP 500"),
                arguments(always(Answer.status(503)), "HTTP 503"),
                arguments(always(Answer.status(429)), "HTTP 429"),
                arguments(always(Answer.of("<html>")), "expected JSON, found <html>"),
                arguments(always(Answer.of("")), "expected {\"scores\": […]}"),
                arguments(always(Answer.of("{\"score\": 1}")), "expected {\"scores\": […]}, found {\"score\":1}"),
                arguments(always(Answer.of("{\"scores\": 1}")), "expected {\"scores\": […]}"),
                arguments(times("0", -1), "expected 1 scores, found 0"),
                arguments(times("0", 1), "expected 1 scores, found 2"),
                arguments(times("NaN", 0), "not a finite number"),
                arguments(times("1e999", 0), "not a finite number"),
                arguments(times("-Infinity", 0), "not a finite number"),
                arguments(times("null", 0), "the score is no number but null"),
                arguments(times("\"1\"", 0), "the score is no number but \"1\""),
                arguments(times("true", 0), "the score is no number but true"),
                arguments(times("{\"error\": \"too long\"}", 0), "too long"));
    }

    private static Function<JsonNode, Answer> always(Answer answer) {
        return request -> answer;
    }

    /** As many scores as there are samples, and some more. */
    private static Function<JsonNode, Answer> times(String score, int more) {
        return request -> Answer.of(
                "{\"scores\": " + Collections.nCopies(request.path("samples").size() + more, score) + "}");
    }

    @ParameterizedTest
    @MethodSource("failures")
    void aFailureThatPassesIsTriedAgain(Function<JsonNode, Answer> failure, String error) {
        AtomicInteger asked = new AtomicInteger();
        try (Service once = new Service(
                request -> asked.getAndIncrement() == 0 ? failure.apply(request) : Answer.of(lengths(request)))) {
            assertThat(values(score(http("http.url", once.url()), "a", "bbb"))).containsExactly(1.0, 3.0);
            assertThat(asked).hasValueGreaterThan(1);
        }
    }

    @ParameterizedTest
    @MethodSource("failures")
    void aFailureThatLastsIsAnErrorOfItsSequencesAndNeverAZero(Function<JsonNode, Answer> failure, String error) {
        try (Service broken = new Service(failure)) {
            List<Scored> scores = score(http("http.url", broken.url()), "a", "bbb");

            assertThat(values(scores)).containsExactly(Double.NaN, Double.NaN);
            assertThat(errors(scores)).allMatch(each -> each.contains(error));
        }
    }

    @Test
    void aSampleThatSpoilsItsBatchSpoilsNoOther() {
        try (Service choosy = new Service(
                request -> request.toString().contains("poison") ? Answer.status(500) : Answer.of(lengths(request)))) {
            List<Scored> scores = score(http("http.url", choosy.url()), "a", "poison", "cc");

            assertThat(values(scores)).containsExactly(1.0, Double.NaN, 2.0);
        }
    }

    @Test
    void aSampleWithoutAScoreIsAskedForAloneAndTheOthersAreNot() {
        service.first(Answer.of("{\"scores\": [1, null, 2]}"));

        assertThat(values(score(http(), "a", "bbb", "cc"))).containsExactly(1.0, 3.0, 2.0);
        assertThat(service.requests)
                .extracting(request -> request.path("samples").size())
                .containsExactly(3, 1);
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 401, 403, 404, 422})
    void whatWouldFailAgainIsNotTriedAgain(int status) {
        try (Service refusing = new Service(request -> Answer.status(status))) {
            assertThat(errors(score(http("http.url", refusing.url()), "a")).get(0))
                    .contains("HTTP " + status);
            assertThat(refusing.requests).hasSize(1);
        }
    }

    @Test
    void retryAfterIsHonouredInSecondsAndAsADate() {
        long start = System.nanoTime();
        String date = ZonedDateTime.now(ZoneOffset.UTC).plusSeconds(3).format(DateTimeFormatter.RFC_1123_DATE_TIME);
        service.first(Answer.status(429).retryAfter("1"), Answer.status(503).retryAfter(date));

        assertThat(values(score(http(), "a"))).containsExactly(1.0);
        assertThat(service.moments.get(1) - service.moments.get(0)).isGreaterThan(990_000_000L);
        // The date is in whole seconds.
        assertThat(service.moments.get(2) - start).isGreaterThan(1_990_000_000L);
    }

    @Test
    void aServiceThatIsTooSlowIsAnErrorAndIsTriedAgain() {
        service.first(Answer.of("{\"scores\": [7]}").after(3000));

        assertThat(values(score(http("timeout", "1s"), "a"))).containsExactly(1.0);

        service.first(Answer.of("{\"scores\": [7]}").after(3000));
        assertThat(errors(score(http("timeout", "1s", "retries", 0), "b")).get(0))
                .contains("no answer within 1 s");
    }

    @Test
    void aServiceThatIsNotThereIsAnError() {
        service.close();

        assertThat(errors(score(http(), "a", "b")))
                .hasSize(2)
                .allMatch(error -> error.startsWith(service.url() + ": ConnectException"));
    }

    @Test
    void requestsAreBoundedInConcurrency() {
        try (Service slow = new Service(request -> Answer.of(lengths(request)).after(20))) {
            String[] completions = Stream.generate(() -> "x").limit(12).toArray(String[]::new);
            score(http("http.url", slow.url(), "http.batch", 1, "concurrency", 3), completions);
            assertThat(slow.mostOpen).hasValueLessThanOrEqualTo(3);
        }
    }

    @Test
    void requestsAreSpreadEvenlyByTheirRate() {
        Tries.Turns turns = new Tries.Turns(4, Long.MAX_VALUE - 10);
        long now = Long.MAX_VALUE - 10;

        assertThat(List.of(turns.reserve(now), turns.reserve(now), turns.reserve(now + 100_000_000)))
                .containsExactly(0L, 250_000_000L, 400_000_000L);
        // After a pause nothing has been saved up.
        assertThat(List.of(turns.reserve(now + 5_000_000_000L), turns.reserve(now + 5_000_000_000L)))
                .containsExactly(0L, 250_000_000L);
        assertThat(values(score(http("http.batch", 1, "rate-per-second", 1000), "a", "bb")))
                .containsExactly(1.0, 2.0);
    }

    @Test
    void noErrorShowsASecret() {
        try (Service echo =
                new Service(request -> new Answer(401, "{\"message\": \"bad key " + TOKEN + "\"}", "", 0))) {
            List<Scored> scores = score(
                    http("http.url", echo.url(), "http.headers", Map.of("Authorization", "Bearer ${env:TOKEN}")), "a");

            assertThat(errors(scores).get(0)).contains("bad key ${env:TOKEN}").doesNotContain(TOKEN);
        }
        assertThatThrownBy(() -> score(http("http.headers", Map.of("X-Key", "${env:TOKEN}\n")), "a"))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage("reward.http.headers.X-Key: can't be sent as a header of HTTP")
                .hasNoCause();
    }

    @Test
    void aVariableThatIsNotSetIsToldBeforeAnyRequest() {
        assertThatThrownBy(
                        () -> rewards.apply(spec(http("http.headers", Map.of("Authorization", "Bearer ${env:OTHER}")))))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage("reward.http.headers.Authorization: the environment variable OTHER is not set where rewards"
                        + " are computed");
    }

    /** Whatever a service does to whichever request, a sequence has its own score or an error. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void noFailureBecomesAZeroOrAnothersScore(long seed) {
        Random chance = new Random(seed);
        List<Function<JsonNode, Answer>> ways = new ArrayList<>();
        failures().forEach(each -> ways.add(failure(each)));
        try (Service flaky = new Service(request -> {
            synchronized (chance) {
                return chance.nextInt(3) == 0
                        ? Answer.of(lengths(request))
                        : ways.get(chance.nextInt(ways.size())).apply(request);
            }
        })) {
            String[] completions =
                    Stream.of(1, 2, 3, 4, 5, 6, 7, 8).map("x"::repeat).toArray(String[]::new);
            List<Double> scores = values(score(http("http.url", flaky.url(), "http.batch", 3), completions));
            for (int i = 0; i < completions.length; i++) {
                assertThat(scores.get(i)).isIn(Double.NaN, (double) completions[i].length());
            }
        }
    }

    @SuppressWarnings("unchecked")
    private static Function<JsonNode, Answer> failure(Arguments arguments) {
        return (Function<JsonNode, Answer>) arguments.get()[0];
    }

    @Test
    void equalSettingsShareOneReward() {
        assertThat(rewards.apply(spec(http()))).isSameAs(rewards.apply(spec(http("quorum", 1))));
        assertThat(rewards.apply(spec(http()))).isNotSameAs(rewards.apply(spec(http("retries", 1))));
        assertThat(service.requests).isEmpty();
    }
}
