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
     * Makes the reward, once in a process for each run's settings. It may block; it is given a thread for each request.
     *
     * @param settings as the run file has them: texts, numbers, booleans, lists and maps
     * @throws IllegalArgumentException if a setting is wrong; its message is shown to the user
     */
    Reward create(Map<String, Object> settings);
}
