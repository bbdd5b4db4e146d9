package org.openstrawberry.worker.live;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.lines.TreeLine;
import org.openstrawberry.activities.lines.WaveLine;
import org.openstrawberry.activities.policy.StepTokens;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.worker.report.Trees;

/** What a run directory says of its iterations, of those that are done and of the one under way. */
final class RunBrowser {
    private static final int LONGEST_SHOWN = 600;
    private static final int SHOWN_PROMPTS = 8;
    private static final int SHOWN_BRANCHES = 16;

    private final Path directory;
    private final Run run;
    private Optional<Pieces> pieces = Optional.empty();

    RunBrowser(Path directory) {
        this.directory = directory;
        run = new Run(directory);
    }

    /**
     * The prompts of an iteration.
     *
     * @param iterations numbers of those that are there, from 1, without a gap
     */
    record Iteration(int iteration, int iterations, List<Prompt> prompts) {}

    /**
     * A prompt in the list.
     *
     * @param rewards of its branches, by branch; null where there is none
     */
    record Prompt(int prompt, String text, List<Optional<Double>> rewards, int pairs) {}

    /**
     * A prompt with all that is known of it.
     *
     * @param row of the data file, from 0
     * @param branches by rank; those without a reward last
     * @param thoughtsAreThere whether the thoughts' file is; they may have been freed, and what the pairs hold is shown
     * @param tree its tree, where it has one
     */
    record Detail(
            int iteration,
            int prompt,
            String text,
            int row,
            int epoch,
            boolean thoughtsAreThere,
            List<Branch> branches,
            List<Pair> pairs,
            Optional<Trees.Tree> tree) {}

    /**
     * A thought.
     *
     * @param from token of the whole branch that this begins with: not 0 where only a pair's step is left of a tree's branch
     * @param rank by reward, from 1
     * @param compared whether the step that learnt from it left log-probs of policy and reference
     */
    record Branch(
            int branch,
            int from,
            String text,
            boolean ended,
            int length,
            Optional<Double> reward,
            Optional<Map<String, Double>> parts,
            Optional<String> error,
            Optional<Integer> rank,
            boolean compared,
            List<Token> tokens) {}

    /**
     * A token of a thought.
     *
     * @param text that it adds; empty of special ones
     * @param sampled its log-prob when it was sampled
     * @param policy its log-prob under the policy, before the step that learnt from it
     * @param reference the same under the reference
     */
    record Token(String text, Optional<Double> sampled, Optional<Double> policy, Optional<Double> reference) {}

    /**
     * Who was preferred to whom; of a tree, by which of its steps.
     *
     * @param from token of both branches that what was compared begins with
     */
    record Pair(int pair, int chosen, int rejected, int from, Optional<PairLine.Steps> steps) {}

    /**
     * What is being thought.
     *
     * @param version another one where there is something new
     * @param more prompts that are not shown
     */
    record Thinking(String version, int iteration, List<Thoughts> prompts, int more) {}

    /** A prompt's thoughts so far. */
    record Thoughts(int prompt, String text, List<Thought> thoughts) {}

    /** @param partial whether it is the newest part of a thought that a tree grows by */
    record Thought(int branch, String text, boolean ended, boolean partial, Optional<Double> reward) {}

    /** The newest iteration that has prompts; 0 where none has. */
    int newest() {
        return newest(RunLayout::prompts);
    }

    private int newest(IntFunction<String> file) {
        Path folder = directory.resolve(RunLayout.ITERATIONS);
        if (!Files.isDirectory(folder)) {
            return 0;
        }
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(path -> path.getFileName().toString())
                    .filter(name -> name.matches("\\d+"))
                    .map(Integer::parseInt)
                    .filter(number -> number > 0)
                    .sorted(Comparator.reverseOrder())
                    .filter(number -> there(file.apply(number)))
                    .findFirst()
                    .orElse(0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean there(String path) {
        return Files.exists(directory.resolve(path));
    }

    private <T> List<T> lines(String path, Class<T> type) {
        return there(path) ? Json.readLines(directory.resolve(path), type) : List.of();
    }

    /** Shards don't come in their order. */
    private <T> Stream<T> shards(IntFunction<String> file, Class<T> type) {
        return IntStream.range(0, run.spec().sampling().shards())
                .boxed()
                .flatMap(shard -> lines(file.apply(shard), type).stream());
    }

    /** @throws InvalidInputException if there is no such iteration */
    Iteration iteration(int number) {
        Map<Integer, Map<Integer, Optional<Double>>> rewards = new HashMap<>();
        shards(shard -> RunLayout.scores(number, shard), ScoreLine.class)
                .forEach(score -> rewards.computeIfAbsent(score.prompt(), prompt -> new LinkedHashMap<>())
                        .put(score.branch(), score.reward()));
        Map<Integer, Integer> pairs = new HashMap<>();
        lines(RunLayout.pairs(number), PairLine.class)
                .forEach(pair -> pairs.merge(pair.promptNumber(), 1, Integer::sum));
        List<Prompt> prompts = prompts(number).stream()
                .map(line -> new Prompt(
                        line.prompt(),
                        cut(line.text()),
                        List.copyOf(
                                rewards.getOrDefault(line.prompt(), Map.of()).values()),
                        pairs.getOrDefault(line.prompt(), 0)))
                .toList();
        return new Iteration(number, newest(), prompts);
    }

    private List<PromptLine> prompts(int number) {
        if (number < 1 || !there(RunLayout.prompts(number))) {
            int newest = newest();
            throw new InvalidInputException("iteration " + number + ": not there; "
                    + (newest == 0 ? "none has begun" : "expected 1 to " + newest));
        }
        return lines(RunLayout.prompts(number), PromptLine.class);
    }

    /** @throws InvalidInputException if there is no such iteration or prompt */
    Detail prompt(int number, int prompt) {
        List<PromptLine> prompts = prompts(number);
        PromptLine line = prompts.stream()
                .filter(candidate -> candidate.prompt() == prompt)
                .findFirst()
                .orElseThrow(() -> new InvalidInputException("iteration " + number + ", prompt " + prompt
                        + ": not there; expected 0 to " + (prompts.size() - 1)));
        Map<Integer, ScoreLine> scores = new HashMap<>();
        shards(shard -> RunLayout.scores(number, shard), ScoreLine.class)
                .filter(score -> score.prompt() == prompt)
                .forEach(score -> scores.put(score.branch(), score));
        Map<Integer, Integer> ranks = ranks(scores);
        List<PairLine> all = lines(RunLayout.pairs(number), PairLine.class);
        StepTokens found = StepTokens.of(directory, number, all.size());
        List<Compared> compared = new ArrayList<>();
        List<Pair> pairs = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            PairLine pair = all.get(i);
            if (pair.promptNumber() == prompt) {
                int from = from(pair, line);
                pairs.add(new Pair(pair.pair(), pair.chosenBranch(), pair.rejectedBranch(), from, pair.steps()));
                found.chosen(i).ifPresent(side -> compared.add(new Compared(pair.chosenBranch(), from, side)));
                found.rejected(i).ifPresent(side -> compared.add(new Compared(pair.rejectedBranch(), from, side)));
            }
        }
        List<ThoughtLine> thoughts = shards(shard -> RunLayout.thoughts(number, shard), ThoughtLine.class)
                .filter(thought -> thought.prompt() == prompt)
                .toList();
        boolean there = !thoughts.isEmpty();
        List<Branch> branches = (there ? thoughts.stream().map(thought -> new Part(thought, 0)) : kept(all, line))
                .map(part -> branch(part, Optional.ofNullable(scores.get(part.branch())), ranks, compared))
                .sorted(Comparator.comparing(branch -> branch.rank().orElse(Integer.MAX_VALUE)))
                .toList();
        List<TreeLine> steps = shards(shard -> RunLayout.tree(number, shard), TreeLine.class)
                .filter(step -> step.prompt() == prompt)
                .toList();
        Optional<Trees.Tree> tree = steps.isEmpty()
                ? Optional.empty()
                : Optional.of(Trees.tree(
                        number,
                        prompt,
                        line.text(),
                        steps,
                        all.stream()
                                .filter(pair -> pair.promptNumber() == prompt)
                                .toList()));
        return new Detail(number, prompt, line.text(), line.row(), line.epoch(), there, branches, pairs, tree);
    }

    /** By reward, descending; of equal ones the earlier branch comes first, as in the pairs. */
    private static Map<Integer, Integer> ranks(Map<Integer, ScoreLine> scores) {
        List<ScoreLine> sorted = scores.values().stream()
                .filter(score -> score.reward().isPresent())
                .sorted(Comparator.comparing(
                                (ScoreLine score) -> -score.reward().orElseThrow())
                        .thenComparing(ScoreLine::branch))
                .toList();
        Map<Integer, Integer> ranks = new HashMap<>();
        for (int i = 0; i < sorted.size(); i++) {
            ranks.put(sorted.get(i).branch(), i + 1);
        }
        return ranks;
    }

    /** A branch from one of its tokens on. */
    private record Part(ThoughtLine thought, int from) {
        int branch() {
            return thought.branch();
        }
    }

    /** The token of its branches that a pair begins with: a pair of a tree has the steps before in its prompt. */
    private static int from(PairLine pair, PromptLine prompt) {
        return pair.promptIds().length - prompt.ids().length;
    }

    /** What the pairs hold of thoughts whose own file was freed. Of a tree they hold steps only. */
    private static Stream<Part> kept(List<PairLine> pairs, PromptLine prompt) {
        Map<List<Integer>, Part> kept = new LinkedHashMap<>();
        for (PairLine pair : pairs) {
            if (pair.promptNumber() == prompt.prompt()) {
                int from = from(pair, prompt);
                keep(
                        kept,
                        from,
                        thought(pair, pair.chosenBranch(), pair.chosenIds(), pair.chosen(), pair.chosenLogprobs()));
                keep(
                        kept,
                        from,
                        thought(
                                pair,
                                pair.rejectedBranch(),
                                pair.rejectedIds(),
                                pair.rejected(),
                                pair.rejectedLogprobs()));
            }
        }
        return kept.values().stream();
    }

    private static void keep(Map<List<Integer>, Part> kept, int from, ThoughtLine thought) {
        kept.putIfAbsent(List.of(thought.branch(), from), new Part(thought, from));
    }

    private static ThoughtLine thought(PairLine pair, int branch, int[] ids, String text, Optional<float[]> logProbs) {
        return new ThoughtLine(
                pair.iteration(), pair.promptNumber(), branch, ids, text, true, logProbs, Optional.empty());
    }

    /**
     * What a step found of a part of a branch.
     *
     * @param from token of the branch that the part begins with: a pair of a tree compares steps that come after others
     */
    private record Compared(int branch, int from, StepTokens.Side side) {
        private static Optional<Double> at(double[] values, int place) {
            return place >= 0 && place < values.length ? Optional.of(values[place]) : Optional.empty();
        }

        Optional<Double> policy(int token) {
            return at(side.policy(), token - from);
        }

        Optional<Double> reference(int token) {
            return at(side.reference(), token - from);
        }
    }

    private Branch branch(Part part, Optional<ScoreLine> score, Map<Integer, Integer> ranks, List<Compared> all) {
        ThoughtLine thought = part.thought();
        List<Compared> compared =
                all.stream().filter(one -> one.branch() == thought.branch()).toList();
        List<String> texts = pieces().each(thought.ids());
        List<Token> tokens = new ArrayList<>(texts.size());
        for (int i = 0; i < texts.size(); i++) {
            int place = i;
            tokens.add(new Token(
                    texts.get(i),
                    thought.logprobs()
                            .filter(values -> place < values.length)
                            .map(values -> Math.round(values[place] * 1e4) / 1e4),
                    compared.stream()
                            .flatMap(one -> one.policy(part.from() + place).stream())
                            .findFirst(),
                    compared.stream()
                            .flatMap(one -> one.reference(part.from() + place).stream())
                            .findFirst()));
        }
        return new Branch(
                thought.branch(),
                part.from(),
                thought.text(),
                thought.ended(),
                thought.ids().length,
                score.flatMap(ScoreLine::reward),
                score.flatMap(ScoreLine::parts),
                score.flatMap(ScoreLine::error),
                Optional.ofNullable(ranks.get(thought.branch())),
                !compared.isEmpty(),
                tokens);
    }

    private synchronized Pieces pieces() {
        Pieces known = pieces.orElseGet(() -> Pieces.of(run));
        pieces = Optional.of(known);
        return known;
    }

    /** Frees the tokenizer; what is asked afterwards fails. */
    synchronized void close() {
        pieces.ifPresent(Pieces::close);
    }

    /** What is being thought now, or was last. */
    Thinking thinking() {
        int number = newest();
        List<String> files = thinkingFiles(number);
        if (files.isEmpty() && number > 1) {
            files = thinkingFiles(--number);
        }
        return new Thinking(number + ":" + String.join(" ", files), number, List.of(), 0);
    }

    private List<String> thinkingFiles(int number) {
        Path folder = directory.resolve(RunLayout.iteration(number));
        if (number == 0 || !Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(path -> path.getFileName().toString())
                    .filter(name -> name.matches("(thoughts|scores|wave)-[0-9-]+\\.jsonl"))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The same with the thoughts themselves. */
    Thinking read(Thinking told) {
        int number = told.iteration();
        if (number == 0) {
            return told;
        }
        Map<String, Double> rewards = new HashMap<>();
        shards(shard -> RunLayout.scores(number, shard), ScoreLine.class)
                .forEach(score ->
                        score.reward().ifPresent(reward -> rewards.put(score.prompt() + "/" + score.branch(), reward)));
        Map<Integer, List<Thought>> byPrompt = new HashMap<>();
        for (int shard = 0; shard < run.spec().sampling().shards(); shard++) {
            if (there(RunLayout.thoughts(number, shard))) {
                lines(RunLayout.thoughts(number, shard), ThoughtLine.class)
                        .forEach(line -> byPrompt.computeIfAbsent(line.prompt(), prompt -> new ArrayList<>())
                                .add(new Thought(
                                        line.branch(),
                                        cut(line.text()),
                                        line.ended(),
                                        false,
                                        Optional.ofNullable(rewards.get(line.prompt() + "/" + line.branch())))));
            } else {
                newestWave(number, shard)
                        .forEach(line -> byPrompt.computeIfAbsent(line.prompt(), prompt -> new ArrayList<>())
                                .add(new Thought(
                                        line.node(),
                                        cut(pieces().text(line.ids())),
                                        line.ended(),
                                        true,
                                        Optional.empty())));
            }
        }
        List<Thoughts> prompts = lines(RunLayout.prompts(number), PromptLine.class).stream()
                .filter(line -> byPrompt.containsKey(line.prompt()))
                .map(line -> new Thoughts(
                        line.prompt(),
                        cut(line.text()),
                        byPrompt.getOrDefault(line.prompt(), List.of()).stream()
                                .limit(SHOWN_BRANCHES)
                                .toList()))
                .toList();
        int shown = Math.min(SHOWN_PROMPTS, prompts.size());
        return new Thinking(told.version(), number, prompts.subList(0, shown), prompts.size() - shown);
    }

    private List<WaveLine> newestWave(int number, int shard) {
        int wave = 0;
        while (there(RunLayout.wave(number, shard, wave + 1))) {
            wave++;
        }
        return lines(RunLayout.wave(number, shard, wave), WaveLine.class);
    }

    private static String cut(String text) {
        return text.length() <= LONGEST_SHOWN ? text : text.substring(0, LONGEST_SHOWN) + " […]";
    }
}
