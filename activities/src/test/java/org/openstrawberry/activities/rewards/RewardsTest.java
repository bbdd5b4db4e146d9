package org.openstrawberry.activities.rewards;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.RunFile;

/** What the tests of rewards share: settings as users write them, and retries that come at once. */
abstract class RewardsTest implements AutoCloseable {
    static final String TOKEN = "s3cr3t-t0ken";

    final Rewards rewards = new Rewards(
            name -> name.equals("TOKEN") ? TOKEN : null,
            spec -> {
                throw new InvalidInputException("no classifiers here");
            },
            Duration.ofMillis(1),
            Duration.ofMillis(1));

    @Override
    public void close() {
        rewards.close();
    }

    static RewardSpec spec(Map<String, ?> reward) {
        return RunFile.of(Map.of("name", "run", "model.policy", "base", "data.prompts", "p.jsonl", "reward", reward))
                .reward();
    }

    List<Scored> score(Map<String, ?> reward, String... completions) {
        return score(reward, Stream.of(completions).map(RewardsTest::sample).toList());
    }

    List<Scored> score(Map<String, ?> reward, List<Sample> group) {
        return rewards.apply(spec(reward))
                .score(group, "prompt 0")
                .blockOptional()
                .orElseThrow();
    }

    static Sample sample(String completion) {
        return new Sample("1+1=", Map.of(), completion, true, completion.length());
    }

    /** Rewards as they are; NaN where there is none. */
    static List<Double> values(List<Scored> scores) {
        return scores.stream().map(score -> score.reward().orElse(Double.NaN)).toList();
    }

    static List<String> errors(List<Scored> scores) {
        return scores.stream().flatMap(score -> score.error().stream()).toList();
    }
}
