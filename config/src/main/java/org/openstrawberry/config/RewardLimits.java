package org.openstrawberry.config;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * How a reward that may be slow or fail is asked.
 *
 * @param timeout of one request, from when it is sent
 * @param concurrency requests at a time, of one process
 * @param ratePerSecond requests a second, of one process; empty: as many as there are
 * @param retries tries after the first that failed
 */
public record RewardLimits(Duration timeout, int concurrency, Optional<Double> ratePerSecond, int retries) {
    private static final int RETRIES = 3;
    private static final int MOST_RETRIES = 20;
    private static final int MOST_CONCURRENT = 1024;

    /** The defaults by kind; kinds without an entry run in this process, where nothing is to be limited. */
    private static final Map<String, RewardLimits> DEFAULTS = Map.of(
            "command", new RewardLimits(Duration.ofSeconds(30), 1, Optional.empty(), RETRIES),
            "http", new RewardLimits(Duration.ofSeconds(30), 16, Optional.empty(), RETRIES),
            "judge", new RewardLimits(Duration.ofMinutes(2), 8, Optional.empty(), RETRIES),
            "java", new RewardLimits(Duration.ofSeconds(30), 16, Optional.empty(), RETRIES));

    /**
     * The limits of a kind, with what was written in place of its defaults.
     *
     * @param kind key of the reward
     */
    static RewardLimits of(
            String kind,
            Optional<String> timeout,
            Optional<Integer> concurrency,
            Optional<Double> ratePerSecond,
            Optional<Integer> retries) {
        RewardLimits defaults = DEFAULTS.get(kind);
        if (defaults == null) {
            refuse(kind, "timeout", timeout);
            refuse(kind, "concurrency", concurrency);
            refuse(kind, "rate-per-second", ratePerSecond);
            refuse(kind, "retries", retries);
            return new RewardLimits(Duration.ofDays(1), MOST_CONCURRENT, Optional.empty(), 0);
        }
        concurrency.ifPresent(found -> Check.that(
                found >= 1 && found <= MOST_CONCURRENT, "concurrency", "from 1 to " + MOST_CONCURRENT, found));
        ratePerSecond.ifPresent(found ->
                Check.that(found >= 0.001 && found <= 1_000_000, "rate-per-second", "from 0.001 to 1000000", found));
        retries.ifPresent(found ->
                Check.that(found >= 0 && found <= MOST_RETRIES, "retries", "from 0 to " + MOST_RETRIES, found));
        Duration wait = timeout.map(found -> Durations.parse(found)
                        .orElseThrow(() -> new SettingException(
                                "timeout", "must be " + Durations.EXPECTED + ", found " + Check.quoted(found))))
                .orElse(defaults.timeout());
        return new RewardLimits(
                wait, concurrency.orElse(defaults.concurrency()), ratePerSecond, retries.orElse(defaults.retries()));
    }

    private static void refuse(String kind, String key, Optional<?> written) {
        if (written.isPresent()) {
            String why = kind.equals("sum")
                    ? "has no effect beside sum; it belongs into the parts"
                    : "has no effect beside " + kind + "; it is for command, http, judge and java";
            throw new SettingException(key, why, kind);
        }
    }
}
