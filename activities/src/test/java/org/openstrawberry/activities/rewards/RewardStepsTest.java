package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.store.ArtifactStore;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.PromptBatch;
import org.openstrawberry.workflows.steps.RewardActivities.ScoreRequest;
import org.openstrawberry.workflows.steps.RunRef;
import org.openstrawberry.workflows.steps.Scores;
import org.openstrawberry.workflows.steps.Thoughts;

class RewardStepsTest {
    private final RunRef ref;
    private final ArtifactStore store;
    private final Runs runs = new Runs();
    private final Rewards rewards = new Rewards();

    RewardStepsTest(@TempDir Path folder) {
        ref = new RunRef("run", folder.toString());
        store = new ArtifactStore(folder);
    }

    @BeforeEach
    void writeSettings() {
        reward(Map.of("reward.verifier.kind", "regex", "reward.verifier.pattern", "yes"));
    }

    @Test
    void aRuleScoresAtOnceWhatAStepWouldFind() {
        Thoughts shard = shard("yes", "no", "yes, yes");

        Thoughts.Scored scored = atOnce(rewards, shard).orElseThrow();

        assertThat(scored).isEqualTo(new Thoughts.Scored(store.require(RunLayout.scores(1, 0)), 3, 0, 2));
        assertThat(steps(rewards)
                        .score(new ScoreRequest(
                                ref, prompts(), shard, run().spec().reward())))
                .isEqualTo(Scores.of(shard, scored));
    }

    @Test
    void whatMayTakeItsTimeIsLeftToAStepOfItsOwn() {
        reward(Map.of("reward.java.name", new VowelReward().name()));

        assertThat(atOnce(rewards, shard("yes"))).isEmpty();
        assertThat(store.find(RunLayout.scores(1, 0))).isEmpty();
    }

    @Test
    void scoresThatAreThereAreTaken() {
        reward(Map.of("reward.java.name", new VowelReward().name()));
        ArtifactRef early = store.publish(
                RunLayout.scores(1, 0),
                Json.lines(List.of(
                        new ScoreLine(1, 0, 0, Optional.of(0.5), Optional.empty(), Optional.empty()),
                        new ScoreLine(1, 0, 1, Optional.empty(), Optional.of("no answer"), Optional.empty()))));

        assertThat(atOnce(rewards, shard("yes", "no"))).contains(new Thoughts.Scored(early, 1, 1, 0.5));
    }

    @Test
    void aRewardThatIsNotThereIsLeftToAStepThatTells() {
        Function<RewardSpec, Scorer> none = spec -> {
            throw new InvalidInputException("no such reward");
        };

        assertThat(atOnce(none, shard("yes"))).isEmpty();
    }

    private void reward(Map<String, String> settings) {
        Map<String, Object> all = new HashMap<>(settings);
        all.putAll(Map.of("name", "run", "model.policy", "base", "data.prompts", "train.jsonl"));
        RunFile.write(RunFile.of(all), store.resolve(RunLayout.RUN_FILE));
    }

    private Optional<Thoughts.Scored> atOnce(Function<RewardSpec, Scorer> made, Thoughts shard) {
        return steps(made).atOnce(run(), prompts(), shard, RewardSteps.thoughts(run(), shard));
    }

    private RewardSteps steps(Function<RewardSpec, Scorer> made) {
        return new RewardSteps(runs, made);
    }

    private Run run() {
        return runs.open(ref);
    }

    private PromptBatch prompts() {
        PromptLine prompt = new PromptLine(1, 0, 0, 0, "?", new int[] {7}, Map.of());
        return new PromptBatch(1, publish("prompts", List.of(prompt)), 1);
    }

    private Thoughts shard(String... texts) {
        List<ThoughtLine> lines = new ArrayList<>();
        for (String text : texts) {
            lines.add(new ThoughtLine(
                    1, 0, lines.size(), new int[] {1, 2}, text, true, Optional.empty(), Optional.empty()));
        }
        return new Thoughts(
                1,
                0,
                publish("thoughts-00", lines),
                lines.size(),
                2L * lines.size(),
                lines.size(),
                0,
                Optional.empty());
    }

    private ArtifactRef publish(String name, List<?> lines) {
        return store.once("iterations/000001/" + name + ".jsonl", Json.lines(lines));
    }
}
