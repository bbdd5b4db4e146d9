package org.openstrawberry.activities.rewards;

import java.time.Duration;
import java.util.Optional;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/** Asks a reward for one completion, again where it fails, and never takes a failure for a zero. */
public final class Scoring {
    /** Completions that are asked for at a time. */
    public static final int CONCURRENCY = 16;

    private static final Logger log = LoggerFactory.getLogger(Scoring.class);
    private static final int RETRIES = 3;
    private static final Duration FIRST_RETRY = Duration.ofMillis(100);

    private Scoring() {}

    /** A finite reward, or why there is none. */
    public record Scored(Optional<Double> reward, Optional<String> error) {}

    /**
     * The reward of a completion; after three more tries an error in its place. Never fails and never empty.
     *
     * @param place of the completion, for the log
     */
    public static Mono<Scored> score(Reward reward, Sample sample, String place) {
        return Mono.defer(() -> reward.score(sample))
                .switchIfEmpty(Mono.error(() -> new RewardException("the reward is missing")))
                .flatMap(value -> Double.isFinite(value)
                        ? Mono.just(value)
                        : Mono.error(new RewardException("the reward is not a finite number")))
                .retryWhen(
                        Retry.backoff(RETRIES, FIRST_RETRY).onRetryExhaustedThrow((spec, signal) -> signal.failure()))
                .map(value -> new Scored(Optional.of(value), Optional.empty()))
                .onErrorResume(e -> {
                    log.warn("{}: no reward after {} tries", place, RETRIES + 1, e);
                    return Mono.just(new Scored(Optional.empty(), Optional.of(String.valueOf(e.getMessage()))));
                });
    }
}
