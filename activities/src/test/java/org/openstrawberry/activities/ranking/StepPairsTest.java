package org.openstrawberry.activities.ranking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.lines.TreeLine;
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

/**
 * One prompt, {@code 7}. Its steps are 1 (tokens 10; value 0.5, 4 visits), 2 (20; 0.25, 2 visits) and 3 (30; 0.25, 1 visit),
 * and behind the first 4 (11, 2; 1, 2 visits), 5 (12, 2; 0, 1 visit) and 6 (13, 2; no visit). Thoughts are in the order of the
 * steps that they ended in.
 */
class StepPairsTest {
    private final Path directory;
    private final ArtifactStore store;

    StepPairsTest(@TempDir Path folder) {
        directory = folder;
        store = new ArtifactStore(folder);
    }

    @Test
    void theBetterOfTwoSiblingsIsPreferredBehindWhatTheyShare() {
        List<PairLine> pairs = pairs(PairsSpec.of(2, PairOrder.RANK));

        assertThat(pairs).hasSize(2);
        PairLine root = pairs.get(0);
        assertThat(root.promptIds()).containsExactly(7);
        assertThat(root.prompt()).isEqualTo("?");
        assertThat(root.chosenIds()).containsExactly(10);
        assertThat(root.rejectedIds()).containsExactly(30);
        assertThat(root.chosenBranch()).as("the first thought through step 1").isZero();
        PairLine deep = pairs.get(1);
        assertThat(deep.pair()).isEqualTo(2);
        assertThat(deep.promptIds()).containsExactly(7, 10);
        assertThat(deep.prompt()).isEqualTo("?a");
        assertThat(deep.chosenIds()).containsExactly(11, 2);
        assertThat(deep.rejectedIds()).containsExactly(12, 2);
        assertThat(deep.steps()).contains(new PairLine.Steps(1, 4, 5, 2, 1));
        assertThat(deep.weight()).isEmpty();
    }

    @Test
    void aStepWithoutAValueStandsInNoPair() {
        assertThat(pairs(PairsSpec.of(2, PairOrder.EXTREMES)))
                .noneMatch(pair -> pair.steps().orElseThrow().rejected() == 6);
    }

    @Test
    void stepsThatWereSeldomVisitedAreLeftOut() {
        List<PairLine> pairs = pairs(PairsSpec.of(2, PairOrder.RANK), "min-visits: 2");

        assertThat(pairs).hasSize(1);
        assertThat(pairs.get(0).rejectedIds()).containsExactly(20);
    }

    @Test
    void aMarginIsOneOfValues() {
        PairsSpec spec = new PairsSpec(1, PairOrder.RANK, Optional.of(0.3), false, Optional.empty(), Optional.empty());

        assertThat(pairs(spec))
                .extracting(pair -> pair.steps().orElseThrow().parent())
                .containsExactly(1);
    }

    @Test
    void weightsByVisitsHaveAMeanOfOne() {
        List<PairLine> pairs = pairs(PairsSpec.of(1, PairOrder.RANK), "pair-weights: visits");

        // 4 + 1 and 2 + 1 visits.
        assertThat(pairs).extracting(pair -> pair.weight().orElseThrow()).containsExactly(1.25, 0.75);
        assertThat(pairs.stream()
                        .mapToDouble(pair -> pair.weight().orElseThrow())
                        .average()
                        .orElseThrow())
                .isCloseTo(1, within(1e-12));
    }

    @Test
    void theBestSiblingMeetsTheMostVisitedOther() {
        List<PairLine> pairs = pairs(PairsSpec.of(1, PairOrder.RANK), "sibling-pairs: best");

        // Of 2 and 3, equal in value, 2 has more visits.
        assertThat(pairs)
                .extracting(pair -> pair.steps().orElseThrow().rejected())
                .containsExactly(2, 5);
    }

    @Test
    void theBestSiblingMeetsSeveralOthers() {
        List<PairLine> pairs = pairs(PairsSpec.of(2, PairOrder.RANK), "sibling-pairs: best");

        assertThat(pairs)
                .extracting(pair -> pair.steps().orElseThrow().chosen())
                .containsExactly(1, 1, 4);
        assertThat(pairs)
                .extracting(pair -> pair.steps().orElseThrow().rejected())
                .containsExactly(2, 3, 5);
        assertThat(pairs).extracting(PairLine::pair).containsExactly(1, 2, 3);
    }

    @Test
    void aPairMayCountByTheVisitsOfTheStepThatHasFewer() {
        List<PairLine> pairs =
                pairs(PairsSpec.of(2, PairOrder.RANK), "sibling-pairs: best", "pair-weights: fewer-visits");

        // 2, 1 and 1 visits, less than a preferred step has in each case.
        assertThat(pairs).extracting(pair -> pair.weight().orElseThrow()).containsExactly(1.5, 0.75, 0.75);
    }

    @Test
    void leavesArePairedAsWellWhereThatIsWanted() {
        List<PairLine> pairs = pairs(PairsSpec.of(1, PairOrder.RANK), "leaf-pairs: true");

        assertThat(pairs).extracting(PairLine::pair).containsExactly(1, 2, 3);
        PairLine whole = pairs.get(2);
        assertThat(whole.steps()).isEmpty();
        assertThat(whole.promptIds()).containsExactly(7);
        assertThat(whole.chosenReward()).isEqualTo(1);
    }

    private List<PairLine> pairs(PairsSpec spec, String... tree) {
        RunFile.write(
                RunFile.of(Map.of(
                        "name",
                        "run",
                        "model.policy",
                        "base",
                        "data.prompts",
                        "train.jsonl",
                        "reward.verifier.kind",
                        "numeric",
                        "sampling.branching",
                        "tree",
                        "sampling.tree",
                        settings(tree))),
                directory.resolve(RunLayout.RUN_FILE));
        List<TreeLine> steps = List.of(
                step(0, Optional.empty(), "", 7, Optional.of(0.4)),
                step(1, Optional.of(0), "a", 4, Optional.of(0.5), 10),
                step(2, Optional.of(0), "b", 2, Optional.of(0.25), 20),
                step(3, Optional.of(0), "c", 1, Optional.of(0.25), 30),
                step(4, Optional.of(1), "d", 2, Optional.of(1.0), 11, 2),
                step(5, Optional.of(1), "e", 1, Optional.of(0.0), 12, 2),
                step(6, Optional.of(1), "f", 0, Optional.empty(), 13, 2));
        List<ThoughtLine> thoughts = new ArrayList<>();
        List<ScoreLine> scores = new ArrayList<>();
        for (int branch = 0; branch < 6; branch++) {
            thoughts.add(new ThoughtLine(
                    1, 0, branch, new int[] {40 + branch, 2}, "text", true, Optional.empty(), Optional.empty()));
            scores.add(new ScoreLine(1, 0, branch, Optional.of(branch / 5.0), Optional.empty(), Optional.empty()));
        }
        publish("tree-00", steps);
        List<PromptLine> prompts = List.of(new PromptLine(1, 0, 0, 0, "?", new int[] {7}, Map.of()));
        PromptBatch batch = new PromptBatch(1, publish("prompts", prompts), 1);
        Thoughts shard =
                new Thoughts(1, 0, publish("thoughts-00", thoughts), thoughts.size(), 0, 0, 0, Optional.empty());
        Scores scored = new Scores(1, shard, publish("scores-00", scores), scores.size(), 0, 0);
        Pairs pairs = new RankingSteps(new Runs())
                .rankAndPair(
                        new RankingRequest(new RunRef("run", directory.toString()), batch, List.of(scored), spec, 0.5));
        return Json.readLines(store.verified(pairs.artifact()), PairLine.class);
    }

    private static Map<String, Object> settings(String... tree) {
        Map<String, Object> settings = new HashMap<>();
        for (String setting : tree) {
            String[] parts = setting.split(": ", 2);
            settings.put(
                    parts[0],
                    switch (parts[1]) {
                        case "true" -> true;
                        case "2" -> 2;
                        default -> parts[1];
                    });
        }
        return settings;
    }

    private static TreeLine step(
            int id, Optional<Integer> parent, String text, int visits, Optional<Double> value, int... tokens) {
        return new TreeLine(
                1,
                0,
                id,
                parent,
                tokens,
                text,
                tokens.length == 2,
                visits,
                value,
                -1,
                new float[tokens.length],
                id < 2 ? List.of() : List.of(Math.max(0, id - 4)));
    }

    private ArtifactRef publish(String name, List<?> lines) {
        return store.publish("iterations/000001/" + name + ".jsonl", Json.lines(lines));
    }
}
