package org.openstrawberry.activities.rewards;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.openstrawberry.activities.rewards.Judges.Judge;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.rewards.Tries.Permit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A completion's reward is the share of comparisons with the prompt's other completions that it wins, a tie counting half.
 * Each two are compared in both orders, since judges favour a place. Rewards are only comparable when all come from
 * comparisons with the same completions: where one failed, the completion with the most failures (the last of several) has no
 * reward and is taken out of the others' comparisons, until none that is left failed.
 */
final class PairwiseScorer implements Scorer {
    private static final Logger log = LoggerFactory.getLogger(PairwiseScorer.class);

    private final Judge judge;
    private final Tries<Permit> tries;

    PairwiseScorer(Judge judge, Tries<Permit> tries) {
        this.judge = judge;
        this.tries = tries;
    }

    /** Two completions of a group, by number; {@code first} is the smaller. */
    record Two(int first, int second) {}

    /**
     * How a comparison went.
     *
     * @param won share that the first won
     */
    record Compared(Two two, Optional<Double> won, Optional<String> error) {}

    @Override
    public Mono<List<Scored>> score(List<Sample> group, String place) {
        List<Two> pairs = new ArrayList<>();
        for (int i = 0; i < group.size(); i++) {
            for (int j = i + 1; j < group.size(); j++) {
                pairs.add(new Two(i, j));
            }
        }
        return Flux.fromIterable(pairs)
                .flatMapSequential(two -> compared(group, two, place), CONCURRENCY)
                .collectList()
                .map(compared -> rates(group.size(), compared));
    }

    private Mono<Compared> compared(List<Sample> group, Two two, String place) {
        Sample first = group.get(two.first());
        Sample second = group.get(two.second());
        if (first.completion().equals(second.completion())) {
            return Mono.just(new Compared(two, Optional.of(0.5), Optional.empty()));
        }
        return won(first, second)
                .zipWith(won(second, first), (forth, back) -> (forth + 1 - back) / 2)
                .map(won -> new Compared(two, Optional.of(won), Optional.empty()))
                .onErrorResume(e -> {
                    log.warn("{}: completions {} and {} can't be compared", place, two.first(), two.second(), e);
                    return Mono.just(
                            new Compared(two, Optional.empty(), Scored.failed(e).error()));
                });
    }

    private Mono<Double> won(Sample first, Sample second) {
        Map<String, String> texts = Map.of("first", first.completion(), "second", second.completion());
        return tries.ask(permit -> judge.verdict(first, texts).map(verdict -> switch (verdict) {
            case "A" -> 1.0;
            case "B" -> 0.0;
            case "C" -> 0.5;
            default -> throw new RewardException("expected A, B or C from the judge, found " + Samples.cut(verdict));
        }));
    }

    /** Win rates of a group whose comparisons are made. */
    static List<Scored> rates(int size, List<Compared> compared) {
        TreeSet<Integer> left = new TreeSet<>();
        for (int i = 0; i < size; i++) {
            left.add(i);
        }
        Map<Integer, String> errors = new HashMap<>();
        List<Compared> failed = failedAmong(left, compared);
        while (!failed.isEmpty()) {
            int[] failures = new int[size];
            for (Compared each : failed) {
                failures[each.two().first()]++;
                failures[each.two().second()]++;
            }
            int most = 0;
            for (int i = 0; i < size; i++) {
                most = failures[i] >= failures[most] ? i : most;
            }
            int out = most;
            left.remove(out);
            errors.put(
                    out,
                    failed.stream()
                            .filter(each ->
                                    each.two().first() == out || each.two().second() == out)
                            .flatMap(each -> each.error().stream())
                            .findFirst()
                            .orElseThrow());
            failed = failedAmong(left, compared);
        }
        double[] won = new double[size];
        for (Compared each : compared) {
            if (left.contains(each.two().first()) && left.contains(each.two().second())) {
                won[each.two().first()] += each.won().orElseThrow();
                won[each.two().second()] += 1 - each.won().orElseThrow();
            }
        }
        List<Scored> rates = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            if (!left.contains(i)) {
                rates.add(Scored.failed(errors.getOrDefault(i, "")));
            } else if (left.size() == 1) {
                rates.add(Scored.failed("no other completion of the prompt to compare with"));
            } else {
                rates.add(Scored.of(won[i] / (left.size() - 1)));
            }
        }
        return rates;
    }

    private static List<Compared> failedAmong(TreeSet<Integer> left, List<Compared> compared) {
        return compared.stream()
                .filter(each -> each.won().isEmpty())
                .filter(each -> left.contains(each.two().first())
                        && left.contains(each.two().second()))
                .toList();
    }

    @Override
    public void close() {
        tries.close();
        judge.close();
    }
}
