package org.openstrawberry.activities.rewards;

import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.openstrawberry.config.CommandSpec;
import org.openstrawberry.config.RewardLimits;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.pool.PoolBuilder;
import reactor.pool.PoolConfig;

/** Rewards by a program that is kept alive, as often as its limits say. */
final class CommandRewards {
    private static final Duration LONGEST_IDLE = Duration.ofMinutes(10);
    private static final Duration LOOK_FOR_IDLE = Duration.ofMinutes(1);
    private static final int MOST_WAITING = 100_000;

    private CommandRewards() {}

    static Scorer of(CommandSpec spec, RewardLimits limits, Duration firstRetry) {
        Set<RewardProcess> running = ConcurrentHashMap.newKeySet();
        Scheduler threads =
                Schedulers.newBoundedElastic(limits.concurrency(), MOST_WAITING, "reward-command", 60, true);
        // Threads of their own: what ends a hung process must not wait for a thread that hangs on it.
        Scheduler ends =
                Schedulers.newBoundedElastic(limits.concurrency(), MOST_WAITING, "reward-command-end", 60, true);
        PoolBuilder<RewardProcess, PoolConfig<RewardProcess>> processes = PoolBuilder.from(
                        Mono.fromCallable(() -> started(spec, running)).subscribeOn(threads))
                .destroyHandler(process ->
                        Mono.<Void>fromRunnable(() -> end(process, running)).subscribeOn(ends))
                .evictionPredicate(
                        (process, pooled) -> !process.isAlive() || pooled.idleTime() > LONGEST_IDLE.toMillis())
                .evictInBackground(LOOK_FOR_IDLE);
        BatchReward<RewardProcess> reward = (process, samples) -> Mono.defer(() -> process.ask(samples.get(0))
                        .map(scored -> Mono.just(List.of(scored)))
                        .orElse(Mono.never()))
                .subscribeOn(threads);
        return new BatchScorer<>(reward, 1, new Tries<>(processes, limits, firstRetry), () -> {
            running.forEach(process -> end(process, running)); // those that are being asked
            threads.dispose();
            ends.dispose();
        });
    }

    private static RewardProcess started(CommandSpec spec, Set<RewardProcess> running) {
        RewardProcess process = RewardProcess.start(spec);
        running.add(process);
        return process;
    }

    private static void end(RewardProcess process, Set<RewardProcess> running) {
        process.close();
        running.remove(process);
    }
}
