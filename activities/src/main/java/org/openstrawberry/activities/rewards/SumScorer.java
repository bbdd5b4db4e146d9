package org.openstrawberry.activities.rewards;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.SumSpec;
import org.openstrawberry.config.SumSpec.Normalize;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Adds the scores of several rewards. */
final class SumScorer implements Scorer {
    private final SumSpec spec;
    private final Map<String, Scorer> parts;

    /** @param parts by name, one for each of the settings; not closed with this one */
    SumScorer(SumSpec spec, Map<String, Scorer> parts) {
        this.spec = spec;
        this.parts = new LinkedHashMap<>(parts);
    }

    @Override
    public Mono<List<Scored>> score(List<Sample> group, String place) {
        return Flux.fromIterable(parts.entrySet())
                .flatMapSequential(part -> part.getValue().score(group, place + ", " + part.getKey()))
                .collectList()
                .map(scores -> {
                    Map<String, List<Scored>> byPart = new LinkedHashMap<>();
                    parts.keySet().forEach(name -> byPart.put(name, scores.get(byPart.size())));
                    return sums(spec, group, byPart);
                });
    }

    /** The sums of a group whose parts are scored; of the completions that every part has a score for. */
    static List<Scored> sums(SumSpec spec, List<Sample> group, Map<String, List<Scored>> scores) {
        List<Scored> sums = new ArrayList<>();
        List<Integer> whole = new ArrayList<>();
        for (int i = 0; i < group.size(); i++) {
            Optional<Scored> failure = failure(scores, i);
            if (failure.isEmpty()) {
                whole.add(i);
            }
            sums.add(failure.orElse(Scored.of(0)));
        }
        double[] sum = new double[whole.size()];
        scores.forEach((name, part) -> {
            double[] raw = whole.stream()
                    .mapToDouble(i -> part.get(i).reward().orElseThrow())
                    .toArray();
            double[] normal = normalized(spec.normalize(), raw);
            double weight =
                    Optional.ofNullable(spec.parts().get(name)).orElseThrow().weight();
            for (int k = 0; k < sum.length; k++) {
                sum[k] += weight * normal[k];
            }
        });
        for (int k = 0; k < sum.length; k++) {
            int i = whole.get(k);
            Sample sample = group.get(i);
            double less = spec.lengthPenalty() * sample.tokens() + (sample.ended() ? 0 : spec.missingEosPenalty());
            Map<String, Double> raw = new LinkedHashMap<>();
            scores.forEach((name, part) -> raw.put(name, part.get(i).reward().orElseThrow()));
            Scored total = Scored.of(sum[k] - less);
            sums.set(i, new Scored(total.reward(), total.error(), raw));
        }
        return sums;
    }

    @Override
    public boolean quick() {
        return parts.values().stream().allMatch(Scorer::quick);
    }

    private static Optional<Scored> failure(Map<String, List<Scored>> scores, int i) {
        return scores.entrySet().stream()
                .flatMap(part -> part.getValue().get(i).error().stream()
                        .map(error -> Scored.failed(part.getKey() + ": " + error)))
                .findFirst();
    }

    /** Scores of one part among the completions of a prompt. */
    static double[] normalized(Normalize how, double[] scores) {
        return switch (how) {
            case NONE -> scores;
            case Z_SCORE -> zScores(scores);
            case RANK -> ranks(scores);
        };
    }

    private static double[] zScores(double[] scores) {
        double[] normal = new double[scores.length];
        if (Arrays.stream(scores).allMatch(score -> score == scores[0])) {
            return normal; // they tell nothing, and their deviation may be a rounding error instead of 0
        }
        double mean = Arrays.stream(scores).sum() / scores.length;
        double variance = Arrays.stream(scores)
                        .map(score -> (score - mean) * (score - mean))
                        .sum()
                / scores.length;
        for (int i = 0; i < scores.length; i++) {
            normal[i] = (scores[i] - mean) / Math.sqrt(variance);
        }
        return normal;
    }

    private static double[] ranks(double[] scores) {
        double[] ranks = new double[scores.length];
        for (int i = 0; i < scores.length; i++) {
            double score = scores[i];
            long below = Arrays.stream(scores).filter(other -> other < score).count();
            long equal = Arrays.stream(scores).filter(other -> other == score).count() - 1;
            ranks[i] = scores.length < 2 ? 0 : (below + equal / 2.0) / (scores.length - 1);
        }
        return ranks;
    }
}
