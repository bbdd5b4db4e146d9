package org.openstrawberry.worker;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.policy.StepTokens;
import org.openstrawberry.activities.policy.WeightsOrigin;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.activities.thoughts.ThoughtReplay;
import org.openstrawberry.config.InvalidInputException;

/** All that is known of where one pair, or one thought, came from. */
final class PairInspection {
    private static final ObjectMapper JSON = JsonMapper.builder()
            .addModule(new Jdk8Module())
            .defaultPropertyInclusion(JsonInclude.Value.construct(JsonInclude.Include.NON_ABSENT, null))
            .build();

    private static final int SHOWN_STEPS = 6;

    private final Run run;
    private final int iteration;
    private final PromptLine prompt;

    private PairInspection(Run run, int iteration, PromptLine prompt) {
        this.run = run;
        this.iteration = iteration;
        this.prompt = prompt;
    }

    /**
     * A thought, and where its random numbers and its weights came from.
     *
     * @param role chosen or rejected, and in which pair; empty of one that is in none
     * @param rank among the prompt's scored thoughts, where it is in a pair
     * @param logProbs of its tokens
     */
    record Thought(
            Optional<String> role,
            int branch,
            Optional<Integer> rank,
            String text,
            int tokens,
            boolean ended,
            Optional<Double> reward,
            Optional<Map<String, Double>> parts,
            Optional<String> error,
            TokenByToken logProbs) {}

    /**
     * A thought's tokens, each with its log-probs at temperature 1.
     *
     * @param sampled by the policy that wrote it
     * @param policy by the same, as the step found it; of the pair's part of the thought, as all that follows
     * @param reference by the reference
     */
    record TokenByToken(
            int[] ids, Optional<float[]> sampled, Optional<double[]> policy, Optional<double[]> reference) {}

    /**
     * The lineage of a prompt's pair or branch.
     *
     * @param seed of the run; a token's random number is made of it, the iteration, prompt, branch and place
     * @param row of the prompt's file, from 0
     * @param epoch how often the file had been gone through before
     * @param policy iteration whose weights wrote the thoughts
     */
    record Lineage(
            long seed,
            int iteration,
            int prompt,
            String text,
            int row,
            int epoch,
            String data,
            int policy,
            WeightsOrigin weights,
            List<Thought> thoughts) {}

    static PairInspection of(Path directory, int iteration, int prompt) {
        Run run = new Run(directory.toAbsolutePath().normalize());
        List<PromptLine> prompts = Json.readLines(run.store().resolve(RunLayout.prompts(iteration)), PromptLine.class);
        PromptLine line = prompts.stream()
                .filter(candidate -> candidate.prompt() == prompt)
                .findFirst()
                .orElseThrow(() -> new InvalidInputException("--prompt: found " + prompt + ", expected 0 to "
                        + (prompts.size() - 1) + ", those of iteration " + iteration));
        return new PairInspection(run, iteration, line);
    }

    Lineage lineage(Optional<Integer> pair, Optional<Integer> branch) {
        int policy = ThoughtReplay.policyOf(run, iteration);
        return new Lineage(
                run.spec().seed(),
                iteration,
                prompt.prompt(),
                prompt.text(),
                prompt.row(),
                prompt.epoch(),
                run.spec().data().prompts(),
                policy,
                WeightsOrigin.of(run, policy),
                thoughts(pair, branch));
    }

    private List<Thought> thoughts(Optional<Integer> pair, Optional<Integer> branch) {
        if (branch.isPresent()) {
            return List.of(thought(branch.get(), Optional.empty(), Optional.empty(), Optional.empty()));
        }
        Path file = run.store().resolve(RunLayout.pairs(iteration));
        List<PairLine> all = Files.exists(file) ? Json.readLines(file, PairLine.class) : List.of();
        StepTokens found = StepTokens.of(run.directory(), iteration, all.size());
        List<PairLine> pairs = new ArrayList<>();
        List<Thought> thoughts = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            PairLine line = all.get(i);
            if (line.promptNumber() != prompt.prompt()) {
                continue;
            }
            pairs.add(line);
            if (pair.isEmpty() || pair.get() == line.pair()) {
                String number = " in pair " + line.pair();
                thoughts.add(thought(
                        line.chosenBranch(),
                        Optional.of("chosen" + number),
                        Optional.of(line.chosenRank()),
                        found.chosen(i)));
                thoughts.add(thought(
                        line.rejectedBranch(),
                        Optional.of("rejected" + number),
                        Optional.of(line.rejectedRank()),
                        found.rejected(i)));
            }
        }
        if (thoughts.isEmpty()) {
            throw new InvalidInputException((pair.isPresent() ? "--pair" : "--prompt") + ": prompt " + prompt.prompt()
                    + " of iteration " + iteration + " has "
                    + (pairs.isEmpty()
                            ? "no pair; expected --branch, to see one of its thoughts"
                            : "the pairs " + pairs.stream().map(PairLine::pair).toList() + ", found "
                                    + pair.map(String::valueOf).orElse("none")));
        }
        return thoughts;
    }

    private Thought thought(
            int branch, Optional<String> role, Optional<Integer> rank, Optional<StepTokens.Side> found) {
        ThoughtLine written = find(ThoughtLine.class, branch)
                .orElseThrow(() -> new InvalidInputException("--branch: found " + branch + ", which prompt "
                        + prompt.prompt() + " of iteration " + iteration + " does not have"));
        Optional<ScoreLine> score = find(ScoreLine.class, branch);
        return new Thought(
                role,
                branch,
                rank,
                written.text(),
                written.ids().length,
                written.ended(),
                score.flatMap(ScoreLine::reward),
                score.flatMap(ScoreLine::parts),
                score.flatMap(ScoreLine::error),
                new TokenByToken(
                        written.ids(),
                        written.logprobs(),
                        found.map(StepTokens.Side::policy),
                        found.map(StepTokens.Side::reference)));
    }

    private <T> Optional<T> find(Class<T> type, int branch) {
        boolean scores = type.equals(ScoreLine.class);
        for (int shard = 0; ; shard++) {
            Path file = run.store()
                    .resolve(scores ? RunLayout.scores(iteration, shard) : RunLayout.thoughts(iteration, shard));
            if (!Files.exists(file)) {
                return Optional.empty();
            }
            Optional<T> found = Json.readLines(file, type).stream()
                    .filter(line -> line instanceof ScoreLine score
                            ? score.prompt() == prompt.prompt() && score.branch() == branch
                            : line instanceof ThoughtLine thought
                                    && thought.prompt() == prompt.prompt()
                                    && thought.branch() == branch)
                    .findFirst();
            if (found.isPresent()) {
                return found;
            }
        }
    }

    static String json(Object value) {
        try {
            return JSON.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a lineage can't be written as JSON", e);
        }
    }

    static void print(PrintStream out, Lineage lineage) {
        out.println("iteration  " + lineage.iteration());
        out.println("prompt     " + lineage.prompt() + "  " + lineage.text());
        out.println("data       row " + lineage.row() + " of " + lineage.data() + ", epoch " + lineage.epoch());
        out.println("seed       " + lineage.seed() + "; a token's number is made of it, iteration "
                + lineage.iteration() + ", prompt " + lineage.prompt() + ", branch and place");
        WeightsOrigin weights = lineage.weights();
        out.println("weights    those after iteration " + lineage.policy() + ": checkpoint " + weights.checkpoint()
                + (weights.steps().isEmpty()
                        ? ""
                        : " and the logged steps " + (weights.checkpoint() + 1) + " to " + weights.iteration()));
        weights.files().forEach((file, hash) -> out.println("           " + hash + "  " + file));
        int left = Math.max(0, weights.steps().size() - SHOWN_STEPS);
        if (left > 0) {
            out.println("           " + left + " files of the first of these steps, which --json lists");
        }
        weights.steps().entrySet().stream()
                .skip(left)
                .forEach(file -> out.println("           " + file.getValue() + "  " + file.getKey()));
        for (Thought thought : lineage.thoughts()) {
            out.println();
            out.println("branch " + thought.branch()
                    + thought.role().map(role -> ", " + role).orElse("")
                    + thought.rank().map(rank -> ", rank " + rank).orElse(""));
            out.println("  reward  "
                    + thought.reward()
                            .map(String::valueOf)
                            .orElse("none: " + thought.error().orElse("")));
            thought.parts()
                    .ifPresent(
                            parts -> parts.forEach((name, score) -> out.println("          " + name + "  " + score)));
            out.println("  length  " + thought.tokens() + " tokens" + (thought.ended() ? "" : ", cut off"));
            out.println("  text    " + thought.text());
        }
    }

    /** Writes the wave of the prompt once more and compares. */
    ThoughtReplay.Outcome replay() {
        try (Tensors tensors = new Tensors()) {
            return ThoughtReplay.replay(run, tensors, iteration, prompt.prompt());
        }
    }

    void print(PrintStream out, ThoughtReplay.Outcome outcome) {
        out.println();
        out.println("replayed   the " + (run.spec().sampling().tree().isPresent() ? "trees" : "wave") + " of prompts "
                + outcome.prompts().get(0) + " to "
                + outcome.prompts().get(outcome.prompts().size() - 1) + ": " + outcome.thoughts() + " thoughts, "
                + outcome.tokens() + " tokens, by weights " + outcome.weightsSha256());
        outcome.differences().forEach(out::println);
        out.println(
                outcome.differences().isEmpty()
                        ? "           the same, token by token and bit by bit of their log-probabilities"
                        : "           not the same; another kind of processor or number of threads may be why");
    }
}
