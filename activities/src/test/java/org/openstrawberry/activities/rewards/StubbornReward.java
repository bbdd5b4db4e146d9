package org.openstrawberry.activities.rewards;

import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import reactor.core.publisher.Mono;

/** Hangs on some completions and can't be interrupted. */
public final class StubbornReward implements RewardProvider {
    @Override
    public String name() {
        return "stubborn";
    }

    @Override
    public Reward create(Map<String, Object> settings) {
        return sample -> Mono.fromCallable(() -> {
            while (sample.completion().equals("hang")) {
                LockSupport.parkNanos(50_000_000);
                Thread.interrupted();
            }
            return 1.0;
        });
    }
}
