package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.rewards.Scored;
import org.openstrawberry.activities.rewards.Scorer;
import org.openstrawberry.activities.thoughts.Forest;
import org.openstrawberry.activities.thoughts.Forest.Thought;
import org.openstrawberry.activities.thoughts.Forest.Tree;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.config.VerifierSpec;
import org.openstrawberry.model.generation.Continuations;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.pretrained.Tokenizer;

/**
 * Answers by the search that training uses. A thought's value is its reward, or the share of the thoughts so far that come to
 * the same answer (self-consistency: Wang et al. 2022, arXiv 2203.11171).
 */
final class TreeAnswer {
    private final SamplingSpec sampling;
    private final Tokenizer tokenizer;
    private final long seed;
    private final Optional<Scorer> reward;
    private final String after;

    /**
     * @param run whose search it is; with the defaults where it has none
     * @param scorer gives values; empty: votes do
     */
    TreeAnswer(RunSpec run, SamplingSettings settings, Tokenizer tokenizer, long seed, Optional<Scorer> scorer) {
        List<String> changes = run.sampling().tree().isPresent()
                ? List.of("sampling.max-new-tokens=" + settings.maxNewTokens())
                : List.of(
                        "sampling.branching=tree",
                        "sampling.min-new-tokens=0",
                        "sampling.max-new-tokens=" + settings.maxNewTokens());
        sampling = RunFile.changed(run, "--search", changes).sampling();
        this.tokenizer = tokenizer;
        this.seed = seed;
        reward = scorer;
        after = after(run.reward());
    }

    /** The text that an answer follows, as the run's verifier has it. */
    private static String after(RewardSpec reward) {
        return reward.kind() instanceof VerifierSpec.Numeric numeric ? numeric.after() : "";
    }

    /**
     * The best thought: of the answer that most came to, or with the highest reward; of equally good ones that with the most
     * valuable steps.
     *
     * @param number of the prompt
     * @param fields of the prompt, for the reward
     */
    String answer(
            Continuations writer,
            int number,
            int[] ids,
            String prompt,
            Map<String, JsonNode> fields,
            double temperature) {
        Forest forest = new Forest(
                sampling.tree().orElseThrow(),
                new SamplingSettings(
                        temperature, sampling.topK(), sampling.topP(), sampling.minP(), sampling.maxNewTokens()),
                sampling.branches(),
                sampling.waveRows(),
                tokenizer,
                seed,
                0,
                Map.of(number, ids));
        Tree tree = forest.trees().get(0);
        Map<Integer, Double> rewards = new HashMap<>();
        while (forest.select()) {
            forest.draw(writer);
            Map<Integer, Double> values =
                    reward.map(scorer -> rewards(scorer, tree, prompt, fields)).orElseGet(() -> votes(tree));
            for (Thought thought : tree.newest()) {
                Optional.ofNullable(values.get(thought.branch())).ifPresent(value -> {
                    rewards.put(thought.branch(), value);
                    forest.value(number, thought.branch(), value);
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

    /** What stands behind the last of the texts that an answer follows; else the last line. */
    private String conclusion(Thought thought) {
        String text = tokenizer.decode(thought.ids()).strip();
        int from = after.isEmpty() ? text.lastIndexOf('\n') : text.lastIndexOf(after);
        return text.substring(from < 0 ? 0 : from + Math.max(1, after.length())).strip();
    }
}
