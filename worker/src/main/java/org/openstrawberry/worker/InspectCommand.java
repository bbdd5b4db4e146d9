package org.openstrawberry.worker;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.lines.TreeLine;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.activities.thoughts.ThoughtReplay;
import org.openstrawberry.config.InvalidInputException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows an iteration readably, or where one of its pairs or thoughts came from. */
@Command(
        name = "inspect",
        mixinStandardHelpOptions = true,
        description =
                "Show an iteration's prompts, branches, rewards and pairs; with --prompt, where its pairs came from.")
final class InspectCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "RUN_DIR", description = "A run directory.")
    private @Nullable Path directory;

    @Option(names = "--iteration", paramLabel = "N", description = "By default the newest that has pairs.")
    private @Nullable Integer iteration;

    @Option(names = "--tree", paramLabel = "PROMPT", description = "Draw the tree of this prompt, by its number.")
    private @Nullable Integer tree;

    @Option(
            names = "--prompt",
            paramLabel = "P",
            description = "Show where this prompt's pairs came from: seed, weights, reward and its parts.")
    private @Nullable Integer prompt;

    @Option(names = "--pair", paramLabel = "K", description = "Only this pair of the prompt, from 1.")
    private @Nullable Integer pair;

    @Option(names = "--branch", paramLabel = "B", description = "This thought of the prompt, in a pair or not.")
    private @Nullable Integer branch;

    @Option(
            names = "--replay",
            description =
                    "Also write the prompt's wave once more, by the weights that wrote it, and compare; exit code 1"
                            + " where it differs.")
    private boolean replay;

    @Option(names = "--json", description = "Print JSON; with --prompt.")
    private boolean json;

    @Override
    public Integer call() {
        if (directory == null) {
            throw new IllegalStateException("the command line lets no required parameter pass");
        }
        if (!Files.exists(directory.resolve(RunLayout.RUN_FILE))) {
            throw new InvalidInputException(directory + ": not a run directory, it has no " + RunLayout.RUN_FILE);
        }
        if (iteration != null && iteration < 1) {
            throw new InvalidInputException("--iteration: found " + iteration + ", expected at least 1");
        }
        if (tree != null && prompt != null) {
            throw new InvalidInputException("--tree and --prompt: expected one of them");
        }
        if (prompt == null && (pair != null || branch != null || replay || json)) {
            throw new InvalidInputException("--pair, --branch, --replay and --json: need --prompt");
        }
        if (pair != null && branch != null) {
            throw new InvalidInputException("--pair and --branch: expected one of them");
        }
        int number = iteration != null ? iteration : newest(directory);
        Path pairs = directory.resolve(RunLayout.pairs(number));
        if (!Files.exists(pairs)) {
            int newest = newest(directory);
            throw new InvalidInputException(pairs + ": missing; iteration " + number + " has no pairs yet"
                    + (newest > 0 ? ", the newest that has is " + newest : ""));
        }
        if (tree != null) {
            draw(directory, number, tree, Json.readLines(pairs, PairLine.class));
            return 0;
        }
        if (prompt != null) {
            return lineage(directory, number, prompt);
        }
        print(directory, number, Json.readLines(pairs, PairLine.class));
        return 0;
    }

    private static void draw(Path directory, int iteration, int prompt, List<PairLine> pairs) {
        List<PromptLine> prompts = Json.readLines(directory.resolve(RunLayout.prompts(iteration)), PromptLine.class);
        if (prompt < 0 || prompt >= prompts.size()) {
            throw new InvalidInputException("--tree: found " + prompt + ", expected a prompt of iteration " + iteration
                    + ", from 0 to " + (prompts.size() - 1));
        }
        List<TreeLine> steps = new ArrayList<>();
        for (int shard = 0; Files.exists(directory.resolve(RunLayout.tree(iteration, shard))); shard++) {
            Json.readLines(directory.resolve(RunLayout.tree(iteration, shard)), TreeLine.class).stream()
                    .filter(step -> step.prompt() == prompt)
                    .forEach(steps::add);
        }
        if (steps.isEmpty()) {
            throw new InvalidInputException(directory.resolve(RunLayout.tree(iteration, 0))
                    + ": missing; only runs with sampling.branching: tree have trees");
        }
        System.out.println("iteration " + iteration + ", prompt " + prompt + "  "
                + prompts.get(prompt).text());
        TreeDrawing.of(
                        steps,
                        pairs.stream()
                                .filter(pair -> pair.promptNumber() == prompt)
                                .toList())
                .forEach(System.out::println);
    }

    private int lineage(Path run, int number, int which) {
        PairInspection inspection = PairInspection.of(run, number, which);
        PairInspection.Lineage lineage = inspection.lineage(Optional.ofNullable(pair), Optional.ofNullable(branch));
        if (!json) {
            PairInspection.print(System.out, lineage);
        }
        Optional<ThoughtReplay.Outcome> replayed = replay ? Optional.of(inspection.replay()) : Optional.empty();
        if (json) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("lineage", lineage);
            replayed.ifPresent(outcome -> line.put("replay", outcome));
            System.out.println(PairInspection.json(line));
        } else {
            replayed.ifPresent(outcome -> inspection.print(System.out, outcome));
        }
        return replayed.map(outcome -> outcome.differences().isEmpty()).orElse(true) ? 0 : Main.FAILED;
    }

    private static int newest(Path directory) {
        int number = 0;
        while (Files.exists(directory.resolve(RunLayout.pairs(number + 1)))) {
            number++;
        }
        return number;
    }

    private static void print(Path directory, int number, List<PairLine> pairs) {
        Map<String, String> rewards = new HashMap<>();
        for (int shard = 0; Files.exists(directory.resolve(RunLayout.scores(number, shard))); shard++) {
            for (ScoreLine score :
                    Json.readLines(directory.resolve(RunLayout.scores(number, shard)), ScoreLine.class)) {
                rewards.put(
                        score.prompt() + "/" + score.branch(),
                        score.reward()
                                .map(String::valueOf)
                                .orElse("none: " + score.error().orElse("")));
            }
        }
        List<ThoughtLine> thoughts = new ArrayList<>();
        for (int shard = 0; Files.exists(directory.resolve(RunLayout.thoughts(number, shard))); shard++) {
            thoughts.addAll(Json.readLines(directory.resolve(RunLayout.thoughts(number, shard)), ThoughtLine.class));
        }
        List<PromptLine> prompts = Json.readLines(directory.resolve(RunLayout.prompts(number)), PromptLine.class);
        System.out.println("iteration " + number);
        for (PromptLine prompt : prompts) {
            System.out.println();
            System.out.println("prompt " + prompt.prompt() + "  " + prompt.text());
            for (ThoughtLine thought : thoughts) {
                if (thought.prompt() == prompt.prompt()) {
                    System.out.println("  branch " + thought.branch() + "  reward "
                            + rewards.get(prompt.prompt() + "/" + thought.branch()) + "  " + thought.text()
                            + (thought.ended() ? "" : " …"));
                }
            }
            for (PairLine pair : pairs) {
                if (pair.promptNumber() == prompt.prompt()) {
                    System.out.println("  pair " + pair.pair()
                            + pair.steps()
                                    .map(steps -> "  step " + steps.chosen() + " over step " + steps.rejected()
                                            + " of the tree,")
                                    .orElse("")
                            + "  branch " + pair.chosenBranch() + " (rank "
                            + pair.chosenRank() + ") over branch " + pair.rejectedBranch() + " (rank "
                            + pair.rejectedRank() + ")");
                }
            }
        }
    }
}
