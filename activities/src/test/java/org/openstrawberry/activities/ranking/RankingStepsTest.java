package org.openstrawberry.activities.ranking;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.store.ArtifactStore;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.PairOrder;
import org.openstrawberry.config.PairsSpec;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.Pairs;
import org.openstrawberry.workflows.steps.PromptBatch;
import org.openstrawberry.workflows.steps.RankingActivities.RankingRequest;
import org.openstrawberry.workflows.steps.RunRef;
import org.openstrawberry.workflows.steps.Scores;
import org.openstrawberry.workflows.steps.Thoughts;

/** What is left out of an iteration's pairs is counted by its reason. */
class RankingStepsTest {
    /** By prompt, each branch's reward; its completion is the branch's number, but the last repeats the one before it. */
    private static final double[][] REWARDS = {
        {1, 0, 0.9, 0.2, 0.2}, {0.5, 0.5, 0.5, 0.5, 0.5}, {0.1, 0.9, 0.4, 0.3, 0.3}
    };

    private final Path directory;
    private final ArtifactStore store;

    RankingStepsTest(@TempDir Path folder) {
        directory = folder;
        store = new ArtifactStore(folder);
    }

    @BeforeEach
    void writeSettings() {
        Map<String, Object> settings = Map.of(
                "name",
                "run",
                "model.policy",
                "base",
                "data.prompts",
                "train.jsonl",
                "reward.verifier.kind",
                "numeric");
        RunFile.write(RunFile.of(settings), directory.resolve(RunLayout.RUN_FILE));
    }

    @Test
    void withoutOptionsOnlyTiesAreLeftOut() {
        Pairs pairs = pair(PairsSpec.of(2, PairOrder.RANK));

        assertThat(counts(pairs)).containsExactly(4, 2, 0, 0, 0, 0);
        assertThat(lines(pairs)).extracting(PairLine::promptNumber).containsExactly(0, 0, 2, 2);
    }

    @Test
    void duplicatesAreCountedAndRankedOnce() {
        Pairs pairs =
                pair(new PairsSpec(2, PairOrder.RANK, Optional.empty(), true, Optional.empty(), Optional.empty()));

        assertThat(counts(pairs)).containsExactly(4, 2, 0, 3, 0, 0);
        assertThat(lines(pairs)).noneMatch(line -> line.rejectedBranch() == 4);
    }

    @Test
    void pairsOfNearRewardsAreCountedApartFromTies() {
        Pairs pairs =
                pair(new PairsSpec(2, PairOrder.RANK, Optional.of(0.5), false, Optional.empty(), Optional.empty()));

        // The second of prompt 2 is 0.4 against 0.1.
        assertThat(counts(pairs)).containsExactly(3, 2, 0, 0, 1, 0);
        assertThat(lines(pairs)).allMatch(line -> line.chosenReward() - line.rejectedReward() >= 0.5);
    }

    @Test
    void aLimitKeepsEveryPromptsFirstPair() {
        Pairs pairs = pair(new PairsSpec(2, PairOrder.RANK, Optional.empty(), false, Optional.empty(), Optional.of(3)));

        assertThat(counts(pairs)).containsExactly(3, 2, 0, 0, 0, 1);
        assertThat(lines(pairs)).extracting(PairLine::promptNumber).containsExactly(0, 0, 2);
        assertThat(lines(pairs)).extracting(PairLine::pair).containsExactly(1, 2, 1);
    }

    private static List<Integer> counts(Pairs pairs) {
        return List.of(
                pairs.formed(),
                pairs.tied(),
                pairs.identical(),
                pairs.duplicates(),
                pairs.belowMargin(),
                pairs.overLimit());
    }

    private List<PairLine> lines(Pairs pairs) {
        return Json.readLines(store.verified(pairs.artifact()), PairLine.class);
    }

    private Pairs pair(PairsSpec spec) {
        List<PromptLine> prompts = new ArrayList<>();
        List<ThoughtLine> thoughts = new ArrayList<>();
        List<ScoreLine> scores = new ArrayList<>();
        for (int prompt = 0; prompt < REWARDS.length; prompt++) {
            prompts.add(new PromptLine(1, prompt, prompt, 0, "?", new int[] {7}, Map.of()));
            for (int branch = 0; branch < REWARDS[prompt].length; branch++) {
                int[] ids = {Math.min(branch, REWARDS[prompt].length - 2), 2};
                thoughts.add(new ThoughtLine(1, prompt, branch, ids, "text", true, Optional.empty(), Optional.empty()));
                scores.add(new ScoreLine(
                        1, prompt, branch, Optional.of(REWARDS[prompt][branch]), Optional.empty(), Optional.empty()));
            }
        }
        PromptBatch batch = new PromptBatch(1, publish("prompts", prompts), prompts.size());
        Thoughts shard = new Thoughts(1, 0, publish("thoughts", thoughts), thoughts.size(), 0, 0, 0, Optional.empty());
        Scores scored = new Scores(1, shard, publish("scores", scores), scores.size(), 0, 0);
        return new RankingSteps(new Runs())
                .rankAndPair(
                        new RankingRequest(new RunRef("run", directory.toString()), batch, List.of(scored), spec, 0.5));
    }

    private ArtifactRef publish(String name, List<?> lines) {
        return store.publish("iterations/000001/" + name + ".jsonl", Json.lines(lines));
    }
}
