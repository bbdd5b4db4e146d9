package org.openstrawberry.activities.rewards;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.openstrawberry.config.RewardLimits;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.pool.InstrumentedPool;
import reactor.pool.PoolBuilder;
import reactor.pool.PoolConfig;
import reactor.pool.PooledRef;
import reactor.util.retry.Retry;

/**
 * Requests to a reward under its limits. Each takes one of so many resources as may be asked at a time, waits for its turn,
 * is timed out, and where it fails is made again, later each time. A resource whose request failed is not used again.
 *
 * @param <R> what a request needs, such as a process
 */
final class Tries<R> implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Tries.class);
    static final Duration FIRST_RETRY = Duration.ofMillis(100);
    /** Longer than a step may take. */
    static final Duration ENDLESS = Duration.ofDays(2);

    static final int UNLIMITED = Integer.MAX_VALUE;

    private static final Duration LONGEST_RETRY = Duration.ofSeconds(30);
    /** A server that asks for more patience gets no more than this. */
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

    private final InstrumentedPool<R> resources;
    private final RewardLimits limits;
    private final Duration firstRetry;
    private final Optional<Turns> turns;

    /** @param resources makes them; how many are used at a time is up to the limits */
    Tries(PoolBuilder<R, PoolConfig<R>> resources, RewardLimits limits, Duration firstRetry) {
        this.resources = resources.sizeBetween(0, limits.concurrency()).buildPool();
        this.limits = limits;
        this.firstRetry = firstRetry;
        turns = limits.ratePerSecond().map(rate -> new Turns(rate, System.nanoTime()));
    }

    /** What may be asked without anything in hand. */
    record Permit() {}

    /** Requests that need nothing but their turn. */
    static Tries<Permit> ofPermits(RewardLimits limits, Duration firstRetry) {
        return new Tries<>(PoolBuilder.from(Mono.fromSupplier(Permit::new)), limits, firstRetry);
    }

    /** The request's answer, from the first try that gives one; else the last try's error. */
    <T> Mono<T> ask(Function<R, Mono<T>> request) {
        return once(request).retryWhen(retries());
    }

    /** The request's answer, from a single try. */
    <T> Mono<T> once(Function<R, Mono<T>> request) {
        return Mono.usingWhen(
                resources.acquire(),
                resource -> turn().then(timed(Mono.defer(() -> request.apply(resource.poolable())))),
                PooledRef::release,
                (resource, e) -> resource.invalidate(),
                PooledRef::invalidate);
    }

    private <T> Mono<T> timed(Mono<T> request) {
        return request.switchIfEmpty(Mono.error(() -> new RewardException("the reward is missing")))
                .timeout(limits.timeout())
                .onErrorMap(
                        TimeoutException.class,
                        e -> new RewardException(
                                "no answer within " + limits.timeout().toSeconds() + " s", e));
    }

    private Mono<Void> turn() {
        return turns.map(Turns::next).orElse(Mono.empty());
    }

    private Retry retries() {
        return Retry.from(failures -> failures.concatMap(failure -> {
            Throwable e = failure.failure();
            boolean lasting = e instanceof RewardException known && known.isLasting();
            return lasting || failure.totalRetries() >= limits.retries()
                    ? Mono.error(e)
                    : Mono.delay(pause(failure.totalRetries(), e));
        }));
    }

    private Duration pause(long retries, Throwable e) {
        long doubled = firstRetry.toMillis() << Math.min(retries, 20);
        long own = Math.min(doubled, LONGEST_RETRY.toMillis());
        // Half of it is chance, so that requests that failed together don't come again together.
        long spread = own / 2 + ThreadLocalRandom.current().nextLong(own / 2 + 1);
        long asked = e instanceof RewardException known
                ? known.retryAfter().map(Duration::toMillis).orElse(0L)
                : 0;
        return Duration.ofMillis(Math.max(spread, Math.min(asked, LONGEST_WAIT.toMillis())));
    }

    @Override
    public void close() {
        resources
                .disposeLater()
                .timeout(Duration.ofSeconds(10))
                .onErrorResume(e -> {
                    log.warn("a reward's resources did not end in time", e);
                    return Mono.empty();
                })
                .block();
    }

    /** Spreads requests evenly: each is given the next free moment. */
    static final class Turns {
        private final long nanosApart;
        private long nextFree;

        /** @param now by {@link System#nanoTime}, which counts from anywhere */
        Turns(double perSecond, long now) {
            nanosApart = (long) (1e9 / perSecond);
            nextFree = now;
        }

        Mono<Void> next() {
            return Mono.defer(() -> Mono.delay(Duration.ofNanos(reserve(System.nanoTime()))))
                    .then();
        }

        /** How many nanoseconds from now the next request has its turn. */
        synchronized long reserve(long now) {
            long mine = Math.max(0, nextFree - now);
            nextFree = now + mine + nanosApart;
            return mine;
        }
    }
}
