package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import reactor.core.publisher.Mono;

class EarlyScoresTest {
    private static final int PROMPTS = 40;
    private static final Map<Integer, PromptLine> TEXTS = IntStream.range(0, PROMPTS)
            .mapToObj(prompt -> new PromptLine(1, prompt, 0, prompt, "prompt", new int[] {1}, Map.of()))
            .collect(Collectors.toMap(PromptLine::prompt, Function.identity()));

    @Test
    void aPromptIsScoredBeforeTheNextIsThere() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        Scorer scorer = (group, place) -> {
            asked.countDown();
            return Mono.just(List.of(Scored.of(1), Scored.of(2)));
        };
        try (EarlyScores early = new EarlyScores(scorer, TEXTS)) {
            early.add(thoughts(0));

            assertThat(asked.await(20, TimeUnit.SECONDS)).isTrue();

            early.add(thoughts(1));
            assertThat(early.await()).hasSize(4);
        }
    }

    @Test
    void scoresStandInTheOrderOfTheThoughtsHoweverTheyCome() {
        Scorer slowFirst = (group, place) -> Mono.just(List.of(Scored.of(1), Scored.of(2)))
                .delayElement(Duration.ofMillis(place.endsWith("prompt 0") ? 100 : 1));
        try (EarlyScores early = new EarlyScores(slowFirst, TEXTS)) {
            IntStream.range(0, PROMPTS).forEach(prompt -> early.add(thoughts(prompt)));

            List<ScoreLine> scores = early.await();

            assertThat(scores.stream().map(line -> 2 * line.prompt() + line.branch()))
                    .containsExactlyElementsOf(
                            IntStream.range(0, 2 * PROMPTS).boxed().toList());
            assertThat(scores).allMatch(line -> line.reward().equals(Optional.of(1.0 + line.branch())));
        }
    }

    @Test
    void aFailureShowsWhereTheScoresAreAwaitedAndNotBefore() throws Exception {
        try (EarlyScores early =
                new EarlyScores((group, place) -> Mono.error(new IllegalStateException("no service")), TEXTS)) {
            early.add(thoughts(0));
            Thread.sleep(50);
            early.add(thoughts(1));

            assertThatThrownBy(early::await).hasStackTraceContaining("no service");
        }
    }

    private static List<ThoughtLine> thoughts(int prompt) {
        return IntStream.range(0, 2)
                .mapToObj(branch -> new ThoughtLine(
                        1, prompt, branch, new int[] {2}, "text", true, Optional.empty(), Optional.empty()))
                .toList();
    }
}
