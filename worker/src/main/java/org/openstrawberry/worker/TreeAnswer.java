package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.openstrawberry.activities.rewards.Conclusions;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.rewards.Scored;
import org.openstrawberry.activities.rewards.Scorer;
import org.openstrawberry.activities.thoughts.Forest;
import org.openstrawberry.activities.thoughts.Forest.Thought;
import org.openstrawberry.activities.thoughts.Forest.Tree;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.model.generation.Continuations;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;
import org.openstrawberry.model.transformer.WritingWeights;

/**
 * Answers by the search that training uses. A thought's value is its reward, or the share of the thoughts so far that come to
 * the same answer (self-consistency: Wang et al. 2022, arXiv 2203.11171).
 */
final class TreeAnswer {
    private final SamplingSpec sampling;
    private final ModelDirectory model;
    private final WritingWeights weights;
    private final Tokenizer tokenizer;
    private final long seed;
    private final Optional<Scorer> reward;
    private final UnaryOperator<String> conclusion;

    /**
     * @param run whose answers are voted on as its verifier reads them
     * @param sampling how the trees grow
     * @param weights of the model
     * @param scorer gives values; empty: votes do
     */
    TreeAnswer(
            RunSpec run,
            SamplingSpec sampling,
            ModelDirectory model,
            WritingWeights weights,
            Tokenizer tokenizer,
            long seed,
            Optional<Scorer> scorer) {
        this.sampling = sampling;
        this.model = model;
        this.weights = weights;
        this.tokenizer = tokenizer;
        this.seed = seed;
        reward = scorer;
        conclusion = Conclusions.of(run.reward());
    }

    /**
     * The run's settings of the search, or the defaults where it is flat. What else the run says is of no account: a vote
     * needs no reward.
     *
     * @param maxNewTokens in place of the run's
     * @param temperature in place of the run's, whatever the depth
     */
    static SamplingSpec sampling(RunSpec run, Optional<Integer> maxNewTokens, Optional<Double> temperature) {
        List<String> changes = new ArrayList<>();
        if (run.sampling().tree().isEmpty()) {
            changes.addAll(List.of("sampling.branching=tree", "sampling.min-new-tokens=0"));
        }
        maxNewTokens.ifPresent(most -> changes.add("sampling.max-new-tokens=" + most));
        temperature.ifPresent(heat ->
                changes.addAll(List.of("sampling.temperature=" + heat, "sampling.tree.temperature-by-depth=[]")));
        return RunFile.sampling(run, "--search", changes);
    }

    /**
     * The best thought: of the answer that most came to, or with the highest reward; of equally good ones that with the most
     * valuable steps.
     *
     * @param number of the prompt
     * @param fields of the prompt, for the reward
     */
    String answer(int number, String prompt, int[] ids, Map<String, JsonNode> fields) {
        Forest forest = new Forest(sampling, tokenizer, seed, 0, Map.of(number, ids));
        try (Continuations writer = forest.writer(model.eosIds(), weights)) {
            return answer(forest, writer, prompt, fields);
        }
    }

    private String answer(Forest forest, Continuations writer, String prompt, Map<String, JsonNode> fields) {
        Tree tree = forest.trees().get(0);
        Map<Integer, Double> rewards = new HashMap<>();
        while (forest.select()) {
            forest.draw(writer);
            Map<Integer, Double> values =
                    reward.map(scorer -> rewards(scorer, tree, prompt, fields)).orElseGet(() -> votes(tree));
            for (Thought thought : tree.newest()) {
                Optional.ofNullable(values.get(thought.branch())).ifPresent(value -> {
                    rewards.put(thought.branch(), value);
                    forest.value(tree.prompt(), thought.branch(), value);
                });
            }
        }
        Map<Integer, Double> standing = reward.isPresent() ? rewards : votes(tree);
        return tree.thoughts().stream()
                .filter(thought -> standing.containsKey(thought.branch()))
                .max(Comparator.comparingDouble((Thought thought) -> standing.getOrDefault(thought.branch(), 0.0))
                        .thenComparingDouble(thought -> thought.last().value().orElse(0))
                        .thenComparingInt(thought -> -thought.branch()))
                .map(thought -> tokenizer.decode(thought.ids()))
                .orElseThrow();
    }

    private Map<Integer, Double> rewards(Scorer scorer, Tree tree, String prompt, Map<String, JsonNode> fields) {
        List<Sample> samples = tree.newest().stream()
                .map(thought -> new Sample(
                        prompt, fields, tokenizer.decode(thought.ids()), thought.ended(), thought.ids().length))
                .toList();
        List<Scored> scored =
                Optional.ofNullable(scorer.score(samples, "the prompt").block()).orElseThrow();
        Map<Integer, Double> rewards = new HashMap<>();
        for (int i = 0; i < scored.size(); i++) {
            int branch = tree.newest().get(i).branch();
            scored.get(i).reward().ifPresent(value -> rewards.put(branch, value));
        }
        if (rewards.isEmpty()) {
            throw new InvalidInputException("the run's reward has no value for this prompt: "
                    + scored.get(0).error().orElse("")
                    + "; --fields gives what it needs, --value vote does without it");
        }
        return rewards;
    }

    /** The share of all thoughts that come to each one's answer; one that did not end has none. */
    private Map<Integer, Double> votes(Tree tree) {
        Map<String, Long> counts = tree.thoughts().stream()
                .filter(Thought::ended)
                .collect(Collectors.groupingBy(this::conclusion, Collectors.counting()));
        Map<Integer, Double> votes = new HashMap<>();
        for (Thought thought : tree.thoughts()) {
            long same = thought.ended() ? counts.getOrDefault(conclusion(thought), 0L) : 0;
            votes.put(thought.branch(), (double) same / tree.thoughts().size());
        }
        return votes;
    }

    private String conclusion(Thought thought) {
        return conclusion.apply(tokenizer.decode(thought.ids()));
    }
}
