package org.openstrawberry.activities.rewards;

import java.util.Map;

/**
 * Offers a reward to run files by name ({@code reward: { java: { name: … } }}). An implementation has a public constructor
 * without parameters and is named in its jar's {@code META-INF/services/org.openstrawberry.activities.rewards.RewardProvider}.
 */
public interface RewardProvider {
    /** The name in run files. */
    String name();

    /**
     * Whether a score is computed within microseconds and never blocks. A shard is then scored at once by the process that
     * generated it, if that has the reward as well, rather than by a step of its own; and on the thread that asks.
     */
    default boolean quick() {
        return false;
    }

    /**
     * Makes the reward, once in a process for each run's settings. Unless it is {@link #quick}, it may block; it is given a
     * thread for each request.
     *
     * @param settings as the run file has them: texts, numbers, booleans, lists and maps
     * @throws IllegalArgumentException if a setting is wrong; its message is shown to the user
     */
    Reward create(Map<String, Object> settings);
}
