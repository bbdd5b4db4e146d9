package org.openstrawberry.activities.rewards;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.rewards.Tries.Permit;
import org.openstrawberry.config.RewardLimits;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Scores completions in batches. A completion that its batch gave no score for is asked for again alone, and so is each of a
 * batch that failed to the last try: one that spoils its batch spoils no other's reward.
 *
 * @param <R> what a request needs
 */
final class BatchScorer<R> implements Scorer {
    private static final Logger log = LoggerFactory.getLogger(BatchScorer.class);

    private final BatchReward<R> reward;
    private final int batch;
    private final Tries<R> tries;
    private final Runnable closing;

    /**
     * @param batch completions that one request may hold
     * @param tries closed with this scorer
     * @param closing what else is closed
     */
    BatchScorer(BatchReward<R> reward, int batch, Tries<R> tries, Runnable closing) {
        this.reward = reward;
        this.batch = batch;
        this.tries = tries;
        this.closing = closing;
    }

    /** Asks for one completion at a time. */
    static Scorer each(Reward reward, RewardLimits limits, Duration firstRetry) {
        BatchReward<Permit> one =
                (permit, samples) -> reward.score(samples.get(0)).map(score -> List.of(Scored.of(score)));
        return new BatchScorer<>(one, 1, Tries.ofPermits(limits, firstRetry), reward::close);
    }

    @Override
    public Mono<List<Scored>> score(List<Sample> group, String place) {
        int batches = (group.size() + batch - 1) / batch;
        return Flux.range(0, batches)
                .map(i -> group.subList(i * batch, Math.min(group.size(), (i + 1) * batch)))
                .flatMapSequential(samples -> scored(samples, place), CONCURRENCY)
                .collectList()
                .map(BatchScorer::joined);
    }

    private Mono<List<Scored>> scored(List<Sample> samples, String place) {
        if (samples.size() == 1) {
            return alone(tries.ask(resource -> single(resource, samples)), place);
        }
        return tries.ask(resource -> whole(resource, samples))
                .flatMap(scores -> mended(samples, scores, place))
                .onErrorResume(e -> {
                    log.warn("{}: a batch of {} completions has no rewards", place, samples.size(), e);
                    return Flux.fromIterable(samples)
                            .flatMapSequential(
                                    sample -> alone(tries.once(resource -> single(resource, List.of(sample))), place),
                                    CONCURRENCY)
                            .collectList()
                            .map(BatchScorer::joined);
                });
    }

    /** Those that are there, and one more request for each that is not. */
    private Mono<List<Scored>> mended(List<Sample> samples, List<Scored> scores, String place) {
        return Flux.range(0, samples.size())
                .flatMapSequential(
                        i -> scores.get(i).reward().isPresent()
                                ? Mono.just(List.of(scores.get(i)))
                                : scored(List.of(samples.get(i)), place),
                        CONCURRENCY)
                .collectList()
                .map(BatchScorer::joined);
    }

    private static Mono<List<Scored>> alone(Mono<List<Scored>> asked, String place) {
        return asked.onErrorResume(e -> {
            log.warn("{}: a completion has no reward", place, e);
            return Mono.just(List.of(Scored.failed(e)));
        });
    }

    private Mono<List<Scored>> single(R resource, List<Sample> sample) {
        return whole(resource, sample)
                .flatMap(scores -> scores.get(0)
                        .error()
                        .<Mono<List<Scored>>>map(error -> Mono.error(new RewardException(error)))
                        .orElse(Mono.just(scores)));
    }

    private Mono<List<Scored>> whole(R resource, List<Sample> samples) {
        return reward.ask(resource, samples)
                .flatMap(scores -> scores.size() == samples.size()
                        ? Mono.just(scores)
                        : Mono.error(
                                new RewardException("expected " + samples.size() + " scores, found " + scores.size())));
    }

    private static List<Scored> joined(List<List<Scored>> parts) {
        List<Scored> all = new ArrayList<>();
        parts.forEach(all::addAll);
        return all;
    }

    @Override
    public void close() {
        tries.close();
        closing.run();
    }
}
