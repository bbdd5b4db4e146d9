package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.TextNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.SumSpec;
import org.openstrawberry.config.SumSpec.Normalize;

/** Several rewards as one. */
class SumScorerTest extends RewardsTest {
    @AfterEach
    void stop() {
        close();
    }

    private static Sample sample(String completion, boolean ended) {
        return new Sample("p", Map.of("answer", new TextNode("yes")), completion, ended, completion.length());
    }

    private static Map<String, Object> sum(Map<String, Object> more) {
        Map<String, Object> sum = new LinkedHashMap<>(more);
        sum.put(
                "parts",
                Map.of(
                        "right", Map.of("verifier", Map.of("kind", "exact"), "weight", 2),
                        "short", Map.of("verifier", Map.of("kind", "length", "to", 3, "falloff", 4), "weight", 0.5)));
        return Map.of("sum", sum);
    }

    @Test
    void weightsAndPenaltiesAddUpAndThePartsAreKept() {
        List<Scored> scores = score(
                sum(Map.of("length-penalty", 0.1, "missing-eos-penalty", 3)),
                List.of(sample("yes", true), sample("no", true), sample("yes", false), sample("never", true)));

        assertThat(values(scores)).containsExactly(2.5 - 0.3, 0.5 - 0.2, 2.5 - 0.3 - 3, 0.25 - 0.5);
        assertThat(scores.get(3).parts()).isEqualTo(Map.of("right", 0.0, "short", 0.5));
    }

    @Test
    void ranksAreAmongThePromptsCompletionsAndThePenaltyComesBeforeTheRankingOfPairs() {
        List<Scored> scores = score(
                sum(Map.of("normalize", "rank", "missing-eos-penalty", 10)),
                List.of(sample("yes", true), sample("no", true), sample("yes", false)));

        // right: ranks .75, 0, .75; short: all equal, .5 each.
        assertThat(values(scores)).containsExactly(1.75, 0.25, -8.25);
    }

    @Test
    void aCompletionThatOnePartHasNoScoreForHasNoRewardAndIsOutOfTheOthersMeans() {
        SumSpec spec = spec("z-score");
        List<Sample> group = List.of(sample("a", true), sample("b", true), sample("c", true));
        Map<String, List<Scored>> scores = new LinkedHashMap<>();
        scores.put("right", List.of(Scored.of(1), Scored.of(100), Scored.of(3)));
        scores.put("short", List.of(Scored.of(0), Scored.failed("HTTP 500"), Scored.of(0)));

        List<Scored> sums = SumScorer.sums(spec, group, scores);

        assertThat(values(sums)).containsExactly(-2.0, Double.NaN, 2.0);
        assertThat(errors(sums)).containsExactly("short: HTTP 500");
    }

    @Test
    void heldOutAnswersAreScoredWithoutNormalisation() {
        RewardSpec reward = spec(sum(Map.of("normalize", "z-score")));

        assertThat(values(rewards.apply(reward.absolute())
                        .score(List.of(sample("yes", true)), "")
                        .blockOptional()
                        .orElseThrow()))
                .containsExactly(2.5);
    }

    private static SumSpec spec(String normalize) {
        return (SumSpec) spec(sum(Map.of("normalize", normalize))).kind();
    }

    @Property
    void zScoresHaveMeanZeroAndDeviationOneOrAreZero(
            @ForAll @Size(min = 1, max = 8) List<@DoubleRange(min = -1e6, max = 1e6) Double> scores) {
        double[] normal = SumScorer.normalized(Normalize.Z_SCORE, array(scores));
        double mean = IntStream.range(0, normal.length)
                .mapToDouble(i -> normal[i])
                .average()
                .orElse(0);
        double variance = IntStream.range(0, normal.length)
                .mapToDouble(i -> normal[i] * normal[i])
                .average()
                .orElse(0);

        assertThat(normal).doesNotContain(Double.NaN);
        if (scores.stream().distinct().count() > 1) {
            assertThat(mean).isCloseTo(0, within(1e-6));
            assertThat(variance).isCloseTo(1, within(1e-6));
        } else {
            assertThat(normal).containsOnly(0);
        }
    }

    @Property
    void ranksKeepTheOrderAndEqualScoresShareTheirs(
            @ForAll @Size(min = 2, max = 8) List<@DoubleRange(min = 0, max = 2) Double> scores) {
        List<Double> rounded =
                scores.stream().map(score -> (double) Math.round(score)).toList();
        double[] ranks = SumScorer.normalized(Normalize.RANK, array(rounded));
        List<Integer> byScore =
                new ArrayList<>(IntStream.range(0, ranks.length).boxed().toList());
        byScore.sort(Comparator.comparing(rounded::get));

        for (int k = 1; k < byScore.size(); k++) {
            double below = ranks[byScore.get(k - 1)];
            double above = ranks[byScore.get(k)];
            boolean equal = rounded.get(byScore.get(k - 1)).equals(rounded.get(byScore.get(k)));
            assertThat(equal ? below == above : below < above).isTrue();
        }
        assertThat(IntStream.range(0, ranks.length)).allMatch(i -> ranks[i] >= 0 && ranks[i] <= 1);
    }

    private static double[] array(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }
}
