package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.lines.TreeLine;
import org.openstrawberry.activities.lines.WaveScoreLine;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** A run whose thoughts grow as trees, from the command line to its files. */
class TreeRunTest {
    private static final String[] TREE = {
        "sampling.branching=tree", "sampling.tree.step-tokens=3", "until.iterations=2", "data.held-out=null"
    };

    private final TinyRun run;

    TreeRunTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    @Test
    void treesThoughtsAndScoresAgreeAndPairsAreOfSiblings() throws IOException {
        train("run", TREE);

        assertTreesAgree();
        assertPairsAreOfSiblings();
        assertItIsDrawn();
        assertTheSearchAnswers();
        assertItIsReplayed();
    }

    private void assertItIsReplayed() throws IOException {
        List<String> replay = List.of(
                "inspect",
                run.directory("run").toString(),
                "--iteration",
                "2",
                "--prompt",
                "4",
                "--branch",
                "0",
                "--replay");
        Said same = Said.by(replay);
        assertThat(same.err()).isEmpty();
        assertThat(same.out())
                .contains("replayed   the trees of prompts 3 to 5")
                .contains("the same, token by token");
        assertThat(same.code()).isZero();

        Path wave = run.directory("run").resolve("iterations/000002/wave-01-0000.jsonl");
        Files.writeString(wave, Files.readString(wave).replaceFirst("\"ids\":\\[\\d+", "\"ids\":[1"));
        Said other = Said.by(replay);
        assertThat(other.out()).contains("wave 0, thought 0: token 0 differs").contains("not the same");
        assertThat(other.code()).isNotZero();
    }

    private void assertItIsDrawn() {
        String directory = run.directory("run").toString();
        Said drawn = Said.by(List.of("inspect", directory, "--iteration", "1", "--tree", "0"));
        assertThat(drawn.code()).isZero();
        assertThat(drawn.out()).contains("├─ ").contains("└─ ").contains(" visits");
        assertThat(Said.by(List.of("inspect", directory, "--iteration", "1", "--tree", "99"))
                        .err())
                .contains("--tree: found 99, expected a prompt of iteration 1, from 0 to 5");
    }

    private void assertTheSearchAnswers() {
        List<String> ask = List.of(
                "ask", run.directory("run").toString(), "r in berry?", "--search", "tree", "--max-new-tokens", "12");
        List<String> byReward = new ArrayList<>(ask);
        byReward.addAll(List.of("--value", "reward"));
        Said vote = Said.by(ask);
        assertThat(vote.err()).isEmpty();
        assertThat(vote.out()).hasLineCount(1);
        assertThat(Said.by(ask).out()).isEqualTo(vote.out());
        Said rewarded = Said.by(byReward);
        assertThat(rewarded.err()).isEmpty();
        assertThat(rewarded.out()).hasLineCount(1);
    }

    private void assertTreesAgree() throws IOException {
        JsonNode root = new ObjectMapper()
                .readTree(Files.readAllLines(file("run", "tree-00.jsonl")).get(0));
        assertThat(root.get("parent").isNull())
                .as("the root says that it has no parent")
                .isTrue();
        assertThat(root.fieldNames())
                .toIterable()
                .contains("prompt", "id", "parent", "tokens", "visits", "value", "prior");
        for (int shard = 0; shard < 2; shard++) {
            List<ThoughtLine> thoughts = lines("run", "thoughts-0" + shard + ".jsonl", ThoughtLine.class);
            List<ScoreLine> scores = lines("run", "scores-0" + shard + ".jsonl", ScoreLine.class);
            Map<String, Double> rewards = new HashMap<>();
            scores.forEach(score -> rewards.put(
                    score.prompt() + "/" + score.branch(), score.reward().orElseThrow()));
            List<TreeLine> steps = lines("run", "tree-0" + shard + ".jsonl", TreeLine.class);
            assertThat(scores).hasSameSizeAs(thoughts);
            for (int prompt = 3 * shard; prompt < 3 * shard + 3; prompt++) {
                int number = prompt;
                List<TreeLine> tree =
                        steps.stream().filter(step -> step.prompt() == number).toList();
                long drawn = thoughts.stream()
                        .filter(thought -> thought.prompt() == number)
                        .count();
                assertThat(tree.get(0).visits()).as("no reward is lost").isEqualTo((int) drawn);
                assertThat(tree.size()).isGreaterThan(3);
                for (TreeLine step : tree) {
                    List<Integer> through = branchesThrough(tree, step.id());
                    assertThat(step.visits()).isEqualTo(through.size());
                    assertThat(step.value().orElseThrow())
                            .isCloseTo(
                                    through.stream()
                                            .mapToDouble(branch -> rewards.getOrDefault(number + "/" + branch, -9.0))
                                            .average()
                                            .orElseThrow(),
                                    within(1e-9));
                    assertThat(tree.stream()
                                    .filter(child -> child.parent().equals(Optional.of(step.id())))
                                    .mapToInt(TreeLine::visits)
                                    .sum())
                            .isLessThanOrEqualTo(step.visits());
                }
            }
        }
    }

    /** A pair's loss begins behind what its steps share, and its sides differ. */
    private void assertPairsAreOfSiblings() {
        List<PairLine> pairs = lines("run", "pairs.jsonl", PairLine.class);
        List<PromptLine> prompts = lines("run", "prompts.jsonl", PromptLine.class);
        List<TreeLine> steps = new ArrayList<>(lines("run", "tree-00.jsonl", TreeLine.class));
        steps.addAll(lines("run", "tree-01.jsonl", TreeLine.class));
        assertThat(pairs)
                .isNotEmpty()
                .anyMatch(pair -> pair.steps().orElseThrow().parent() > 0);
        for (PairLine pair : pairs) {
            List<TreeLine> tree = steps.stream()
                    .filter(step -> step.prompt() == pair.promptNumber())
                    .toList();
            PairLine.Steps siblings = pair.steps().orElseThrow();
            TreeLine chosen = tree.get(siblings.chosen());
            TreeLine rejected = tree.get(siblings.rejected());
            List<Integer> shared = new ArrayList<>();
            for (int id : prompts.get(pair.promptNumber()).ids()) {
                shared.add(id);
            }
            shared.addAll(path(tree, siblings.parent()));
            assertThat(pair.promptIds())
                    .containsExactly(shared.stream().mapToInt(id -> id).toArray());
            assertThat(pair.chosenIds()).isEqualTo(chosen.tokens()).isNotEqualTo(pair.rejectedIds());
            assertThat(pair.rejectedIds()).isEqualTo(rejected.tokens());
            assertThat(chosen.parent()).isEqualTo(rejected.parent()).contains(siblings.parent());
            assertThat(chosen.value().orElseThrow())
                    .isGreaterThan(rejected.value().orElseThrow());
        }
    }

    @Test
    void aTreeThatWasCutOffGoesOnFromItsLastWaveToTheSameBits() throws IOException {
        String[] settings = with("sampling.tree.width=2", "sampling.tree.simulations=10", "sampling.tree.cache-mb=0");
        train("sound", settings);
        train("cut", settings);
        assertThat(run.directory("cut").resolve("iterations/000002/wave-00-0002.jsonl"))
                .exists();
        for (String gone : List.of(
                "result.json",
                "policy",
                "checkpoints/000002",
                "iterations/000002/iteration.json",
                "iterations/000002/iteration.json.sha256",
                "iterations/000002/step.json",
                "iterations/000002/pairs.jsonl",
                "iterations/000002/thoughts-00.jsonl",
                "iterations/000002/scores-00.jsonl",
                "iterations/000002/tree-00.jsonl",
                "iterations/000002/wave-00-0001-scores.jsonl",
                "iterations/000002/wave-00-0002.jsonl",
                "iterations/000002/wave-00-0002-scores.jsonl")) {
            DurableFiles.deleteFolder(run.directory("cut").resolve(gone));
        }
        String first = inode("cut", "wave-00-0001.jsonl");

        train("cut", settings);

        assertThat(inode("cut", "wave-00-0001.jsonl"))
                .as("nothing is drawn twice")
                .isEqualTo(first);
        assertThat(run.outcome("cut")).isEqualTo(run.outcome("sound"));
        assertThat(Files.mismatch(tree("cut"), tree("sound"))).isEqualTo(-1);
    }

    @Test
    void valuesOfAProcessRewardAreThoseOfTheThoughtAsFarAsItsNewestStep() throws IOException {
        train(
                "run",
                with(
                        "sampling.tree.value=process",
                        "reward.verifier=null",
                        "reward.classifier.model=" + run.rewardModel()));

        for (int shard = 0; shard < 2; shard++) {
            List<TreeLine> steps = lines("run", "tree-0" + shard + ".jsonl", TreeLine.class);
            Map<String, Double> values = new HashMap<>();
            Map<String, Double> rewards = new HashMap<>();
            for (int wave = 0; Files.exists(file("run", waveScores(shard, wave))); wave++) {
                for (WaveScoreLine line : lines("run", waveScores(shard, wave), WaveScoreLine.class)) {
                    values.put(line.prompt() + "/" + line.branch(), line.value().orElseThrow());
                    rewards.put(
                            line.prompt() + "/" + line.branch(), line.reward().orElseThrow());
                }
            }
            assertThat(values).as("not the rewards of whole thoughts").isNotEqualTo(rewards);
            for (TreeLine step : steps) {
                List<TreeLine> tree = steps.stream()
                        .filter(other -> other.prompt() == step.prompt())
                        .toList();
                assertThat(step.value().orElseThrow())
                        .isCloseTo(
                                branchesThrough(tree, step.id()).stream()
                                        .mapToDouble(branch -> values.getOrDefault(step.prompt() + "/" + branch, -99.0))
                                        .average()
                                        .orElseThrow(),
                                within(1e-6));
                assertThat(step.branches().stream().map(branch -> values.get(step.prompt() + "/" + branch)))
                        .as("thoughts that agree so far have the same value")
                        .allSatisfy(value -> assertThat(value)
                                .isCloseTo(
                                        Optional.ofNullable(values.get(step.prompt() + "/"
                                                        + step.branches().get(0)))
                                                .orElseThrow(),
                                        within(1e-5)));
            }
        }
        assertThat(lines("run", "pairs.jsonl", PairLine.class)).isNotEmpty();
    }

    private static String waveScores(int shard, int wave) {
        return "wave-0" + shard + "-000" + wave + "-scores.jsonl";
    }

    private static String[] with(String... more) {
        return Stream.concat(Stream.of(TREE), Stream.of(more)).toArray(String[]::new);
    }

    private void train(String name, String... settings) {
        Said said = Said.by(run.train(name, settings));
        assertThat(said.err()).isEmpty();
        assertThat(said.code()).isZero();
    }

    private Path file(String name, String file) {
        return run.directory(name).resolve("iterations/000001").resolve(file);
    }

    private Path tree(String name) {
        return run.directory(name).resolve("iterations/000002/tree-00.jsonl");
    }

    private String inode(String name, String file) throws IOException {
        return String.valueOf(Files.getAttribute(
                run.directory(name).resolve("iterations/000002").resolve(file), "unix:ino"));
    }

    private <T> List<T> lines(String name, String file, Class<T> type) {
        return Json.readLines(file(name, file), type);
    }

    private static List<Integer> branchesThrough(List<TreeLine> tree, int id) {
        List<Integer> through = new ArrayList<>(tree.get(id).branches());
        tree.stream()
                .filter(step -> step.parent().filter(parent -> parent == id).isPresent())
                .forEach(child -> through.addAll(branchesThrough(tree, child.id())));
        return through;
    }

    private static List<Integer> path(List<TreeLine> tree, int id) {
        List<Integer> path = new ArrayList<>();
        tree.get(id).parent().ifPresent(parent -> path.addAll(path(tree, parent)));
        for (int token : tree.get(id).tokens()) {
            path.add(token);
        }
        return path;
    }
}
