package org.openstrawberry.activities.rewards;

import java.util.Map;
import reactor.core.publisher.Mono;

// tag::provider[]
/** Rewards completions for each vowel; found under the name vowels. */
public final class VowelReward implements RewardProvider {
    @Override
    public String name() {
        return "vowels";
    }

    @Override
    public Reward create(Map<String, Object> settings) {
        if (!(settings.getOrDefault("each", 1) instanceof Number each)) {
            throw new IllegalArgumentException("each: expected a number, found " + settings.get("each"));
        }
        return sample -> Mono.fromCallable(() -> each.doubleValue()
                * sample.completion()
                        .chars()
                        .filter(letter -> "aeiou".indexOf(letter) >= 0)
                        .count());
    }
}
// end::provider[]
