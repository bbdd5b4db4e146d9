package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.ClassifierSpec;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RewardLimits;
import reactor.core.publisher.Mono;

/** Rewards of the class path, classifiers, and what holds for all. */
@Timeout(60)
class OtherRewardsTest extends RewardsTest {
    @AfterEach
    void stop() {
        close();
    }

    private static List<Scored> score(Scorer scorer, String... completions) {
        return scorer.score(
                        List.of(completions).stream().map(RewardsTest::sample).toList(), "prompt 0")
                .blockOptional()
                .orElseThrow();
    }

    @Test
    void aRewardOfTheClassPathIsFoundByItsName() {
        assertThat(values(score(Map.of("java", Map.of("name", "vowels")), "strawberry", "try")))
                .containsExactly(2.0, 0.0);
        assertThat(values(score(
                        Map.of("java", Map.of("name", "vowels", "settings", Map.of("each", 0.5))), "strawberry")))
                .containsExactly(1.0);
    }

    @Test
    void aRewardThatIsNotThereOrRefusesItsSettingsIsToldAtOnce() {
        assertThatThrownBy(() -> rewards.apply(spec(Map.of("java", Map.of("name", "consonants")))))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage("reward.java.name: found \"consonants\", expected the name of a RewardProvider on the class"
                        + " path, which has vowels, stubborn");
        assertThatThrownBy(() ->
                        rewards.apply(spec(Map.of("java", Map.of("name", "vowels", "settings", Map.of("each", "x"))))))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage("reward.java.settings: each: expected a number, found x");
    }

    @Test
    void aRewardThatThrowsIsEmptyOrNeverComesIsAnErrorAndNeverAZero() {
        RewardLimits limits = new RewardLimits(Duration.ofMillis(200), 2, Optional.empty(), 1);
        Reward reward = sample -> switch (sample.completion()) {
            case "throws" -> throw new IllegalStateException("no judge");
            case "fails" -> Mono.error(new IllegalStateException());
            case "empty" -> Mono.empty();
            case "never" -> Mono.never();
            case "infinite" -> Mono.just(Double.POSITIVE_INFINITY);
            default -> Mono.just(1.0);
        };
        try (Scorer scorer = BatchScorer.each(reward, limits, Duration.ofMillis(1))) {
            List<Scored> scores = score(scorer, "throws", "fails", "empty", "never", "infinite", "good");

            assertThat(values(scores)).containsExactly(Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN, 1.0);
            assertThat(errors(scores))
                    .containsExactly(
                            "no judge",
                            "IllegalStateException",
                            "the reward is missing",
                            "no answer within 0 s",
                            "the reward is not a finite number");
        }
    }

    @Test
    void aRewardIsTriedSoOftenAndNoMore() {
        AtomicInteger tries = new AtomicInteger();
        Reward reward = sample -> {
            tries.incrementAndGet();
            return Mono.error(new IllegalStateException("down"));
        };
        try (Scorer scorer = BatchScorer.each(
                reward, new RewardLimits(Duration.ofSeconds(1), 2, Optional.empty(), 3), Duration.ofMillis(1))) {
            score(scorer, "a");
        }
        assertThat(tries).hasValue(4);
    }

    @Test
    void aRewardThatHangsForGoodHoldsUpNoOther() {
        List<Scored> scores = score(
                Map.of("java", Map.of("name", "stubborn"), "concurrency", 1, "timeout", "1s", "retries", 0),
                "hang",
                "a",
                "hang",
                "b");

        assertThat(values(scores)).containsExactly(Double.NaN, 1.0, Double.NaN, 1.0);
    }

    @Test
    void withoutClassifiersOneIsRefusedBeforeAnyWork() {
        try (Rewards plain = new Rewards()) {
            assertThatThrownBy(() -> plain.apply(spec(Map.of("classifier", Map.of("model", "rm")))))
                    .isInstanceOf(InvalidInputException.class)
                    .hasMessageContaining("need the tensor thread of a worker");
        }
    }

    @Test
    void aClassifierScoresInBatchesAndIsClosedWithItsOwner() {
        AtomicInteger calls = new AtomicInteger();
        AtomicInteger closed = new AtomicInteger();
        Classifier model = new Classifier() {
            @Override
            public Mono<List<Double>> scores(List<Sample> samples) {
                calls.incrementAndGet();
                return Mono.just(samples.stream()
                        .map(sample -> sample.completion().equals("nan")
                                ? Double.NaN
                                : sample.completion().length())
                        .toList());
            }

            @Override
            public void close() {
                closed.incrementAndGet();
            }
        };
        try (Rewards owner = new Rewards((ClassifierSpec spec) -> model)) {
            Scorer scorer = owner.apply(spec(Map.of("classifier", Map.of("model", "rm", "batch", 2))));

            assertThat(values(score(scorer, "a", "bb", "ccc"))).containsExactly(1.0, 2.0, 3.0);
            assertThat(calls).hasValue(2);
            assertThat(values(score(scorer, "nan", "bb"))).containsExactly(Double.NaN, 2.0);
        }
        assertThat(closed).hasValue(1);
    }
}
