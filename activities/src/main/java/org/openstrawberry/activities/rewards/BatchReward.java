package org.openstrawberry.activities.rewards;

import java.util.List;
import org.openstrawberry.activities.rewards.Reward.Sample;
import reactor.core.publisher.Mono;

/**
 * Scores several completions by one request.
 *
 * @param <R> what a request needs
 */
@FunctionalInterface
interface BatchReward<R> {
    /** One for each sample, in their order; an error, or another number of them, fails the request as a whole. */
    Mono<List<Scored>> ask(R resource, List<Sample> samples);
}
