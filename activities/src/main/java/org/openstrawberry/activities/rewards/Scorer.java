package org.openstrawberry.activities.rewards;

import java.util.List;
import java.util.Optional;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.RewardLimits;
import reactor.core.publisher.Mono;

/** Scores the completions of a prompt together, asks again where that fails, and never takes a failure for a zero. */
@FunctionalInterface
public interface Scorer extends AutoCloseable {
    /** Prompts whose completions are scored at a time. */
    int CONCURRENCY = 16;

    /**
     * What came of each completion, in their order. Never fails and never empty.
     *
     * @param group completions of one prompt
     * @param place of the prompt, for the log
     */
    Mono<List<Scored>> score(List<Sample> group, String place);

    /** Whether scores take so little time that a step of their own would take longer. */
    default boolean quick() {
        return false;
    }

    /** Lets go of what it holds; nothing is asked afterwards. */
    @Override
    default void close() {}

    /** Asks a reward for each completion, without limits and with three more tries. */
    static Scorer of(Reward reward) {
        RewardLimits limits = new RewardLimits(Tries.ENDLESS, Tries.UNLIMITED, Optional.empty(), 3);
        return BatchScorer.each(reward, limits, Tries.FIRST_RETRY);
    }
}
