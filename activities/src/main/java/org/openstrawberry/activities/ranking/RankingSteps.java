package org.openstrawberry.activities.ranking;

import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.lines.TreeLine;
import org.openstrawberry.activities.ranking.Ranking.Ranked;
import org.openstrawberry.activities.ranking.Ranking.Scored;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.store.ArtifactStore;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.PairsSpec;
import org.openstrawberry.config.TreeSpec;
import org.openstrawberry.config.TreeSpec.PairWeights;
import org.openstrawberry.config.TreeSpec.SiblingPairs;
import org.openstrawberry.model.Philox;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.Pairs;
import org.openstrawberry.workflows.steps.RankingActivities;
import org.openstrawberry.workflows.steps.Scores;

/** Brings thoughts and scores of all shards together and writes the pairs down. */
public final class RankingSteps implements RankingActivities {
    private final Runs runs;

    public RankingSteps(Runs runs) {
        this.runs = runs;
    }

    @Override
    public Pairs rankAndPair(RankingRequest request) {
        Run run = runs.open(request.run());
        int iteration = request.prompts().iteration();
        // Pairing takes milliseconds: it is done again for the counts, and the first file stays.
        Pairing pairing = pair(run, request);
        if (pairing.skippedPrompts == request.prompts().prompts()) {
            // Not kept, so that they are asked for again once the reward works.
            request.scores()
                    .forEach(shard -> run.store().discard(shard.artifact().path()));
            throw new IllegalStateException("iteration " + iteration + ": no prompt has a reward for a share of "
                    + request.quorum() + " of its branches; the log has the reward's errors");
        }
        String path = RunLayout.pairs(iteration);
        List<PairLine> kept = pairing.kept();
        ArtifactRef artifact = run.store().once(path, Json.lines(kept));
        return new Pairs(
                iteration,
                artifact,
                kept.size(),
                pairing.tied,
                pairing.identical,
                pairing.skippedPrompts,
                pairing.duplicates,
                pairing.belowMargin,
                pairing.formed.size() - kept.size(),
                Optional.of(pairing.found()));
    }

    private static Pairing pair(Run run, RankingRequest request) {
        ArtifactStore store = run.store();
        Optional<TreeSpec> tree = run.spec().sampling().tree();
        Pairing pairing =
                new Pairing(request.pairs(), tree, Philox.seed(run.spec().seed(), "pairs"));
        Map<Integer, PromptLine> prompts = new LinkedHashMap<>();
        Json.readLines(store.verified(request.prompts().artifact()), PromptLine.class)
                .forEach(line -> prompts.put(line.prompt(), line));
        for (Scores shard : request.scores()) {
            Map<Integer, List<ThoughtLine>> thoughts = new LinkedHashMap<>();
            Json.readLines(store.verified(shard.thoughts().artifact()), ThoughtLine.class)
                    .forEach(line -> thoughts.computeIfAbsent(line.prompt(), any -> new ArrayList<>())
                            .add(line));
            Map<Integer, List<Scored>> scored = new LinkedHashMap<>();
            Json.readLines(store.verified(shard.artifact()), ScoreLine.class)
                    .forEach(line -> line.reward()
                            .ifPresent(reward -> scored.computeIfAbsent(line.prompt(), any -> new ArrayList<>())
                                    .add(new Scored(
                                            line.branch(), reward, tokens(thoughts, line.prompt(), line.branch())))));
            Map<Integer, List<TreeLine>> steps = new LinkedHashMap<>();
            if (tree.isPresent()) {
                ArtifactRef trees = store.require(RunLayout.tree(
                        request.prompts().iteration(), shard.thoughts().shard()));
                Json.readLines(store.resolve(trees.path()), TreeLine.class)
                        .forEach(line -> steps.computeIfAbsent(line.prompt(), any -> new ArrayList<>())
                                .add(line));
            }
            scored.values().forEach(pairing::sawScores);
            thoughts.values().forEach(pairing::sawThoughts);
            thoughts.forEach((number, branches) -> {
                PromptLine prompt = prompts.get(number);
                if (prompt == null) {
                    throw new IllegalStateException("thoughts of prompt " + number + ", which was not sampled");
                }
                pairing.add(
                        prompt,
                        branches,
                        scored.getOrDefault(number, List.of()),
                        steps.getOrDefault(number, List.of()),
                        request.quorum());
            });
        }
        return pairing;
    }

    private static int tokens(Map<Integer, List<ThoughtLine>> thoughts, int prompt, int branch) {
        List<ThoughtLine> branches = thoughts.get(prompt);
        if (branches == null || branch >= branches.size()) {
            throw new IllegalStateException(
                    "a score of prompt " + prompt + ", branch " + branch + ", without a thought");
        }
        return branches.get(branch).ids().length;
    }

    /** The pairs of an iteration as they come together. */
    private static final class Pairing {
        private final PairsSpec spec;
        private final Optional<TreeSpec> tree;
        private final long seed;
        private final List<PairLine> formed = new ArrayList<>();
        private int tied;
        private int identical;
        private int skippedPrompts;
        private int duplicates;
        private int belowMargin;
        private final List<Double> rewards = new ArrayList<>();
        private final List<Double> distinct = new ArrayList<>();

        Pairing(PairsSpec spec, Optional<TreeSpec> tree, long seed) {
            this.spec = spec;
            this.tree = tree;
            this.seed = seed;
        }

        void sawScores(List<Scored> scored) {
            scored.forEach(score -> rewards.add(score.reward()));
        }

        void sawThoughts(List<ThoughtLine> branches) {
            long texts = branches.stream()
                    .map(line -> IntBuffer.wrap(line.ids()))
                    .distinct()
                    .count();
            distinct.add((double) texts / branches.size());
        }

        /** What health is judged by: how much the thoughts differ, and their rewards. */
        Map<String, Double> found() {
            Map<String, Double> found = new LinkedHashMap<>();
            double mean = mean(rewards);
            found.put(
                    "objective/scores_std",
                    Math.sqrt(mean(rewards.stream()
                            .map(reward -> (reward - mean) * (reward - mean))
                            .toList())));
            found.put("thoughts/distinct", mean(distinct));
            return found;
        }

        private static double mean(List<Double> values) {
            return values.stream().mapToDouble(Double::doubleValue).average().orElse(0);
        }

        List<PairLine> kept() {
            List<PairLine> kept = spec.maxPerIteration()
                    .map(most -> Ranking.atMost(
                            formed, most, PairLine::pair, line -> line.chosenReward() - line.rejectedReward()))
                    .orElse(formed);
            return tree.filter(search -> search.pairWeights() != PairWeights.EQUAL)
                    .map(search -> StepPairs.weighted(kept, search.pairWeights()))
                    .orElse(kept);
        }

        void add(
                PromptLine prompt,
                List<ThoughtLine> branches,
                List<Scored> scored,
                List<TreeLine> steps,
                double quorum) {
            if (!Quorum.reached(scored.size(), branches.size(), quorum)) {
                skippedPrompts++;
                return;
            }
            int pairs = 0;
            for (List<TreeLine> family : StepPairs.families(steps)) {
                pairs += addSteps(prompt, steps, family, pairs);
            }
            if (tree.isEmpty() || tree.get().leafPairs()) {
                addWhole(prompt, branches, scored, pairs);
            }
        }

        private void addWhole(PromptLine prompt, List<ThoughtLine> branches, List<Scored> scored, int before) {
            List<Scored> distinct = spec.dropDuplicates()
                    ? Ranking.withoutDuplicates(
                            scored, branch -> branches.get(branch).ids())
                    : scored;
            duplicates += scored.size() - distinct.size();
            for (Ranked ranked : Ranking.pair(
                    distinct, spec, k -> Philox.uniform(seed, prompt.iteration(), prompt.prompt(), before + k, 0))) {
                ThoughtLine chosen = branches.get(ranked.chosen().branch());
                ThoughtLine rejected = branches.get(ranked.rejected().branch());
                if (fits(ranked, chosen.ids(), rejected.ids())) {
                    formed.add(line(prompt, before + ranked.k(), ranked, chosen, rejected));
                }
            }
        }

        /** Siblings, by value; a step counts once, however many thoughts went through it. */
        private int addSteps(PromptLine prompt, List<TreeLine> steps, List<TreeLine> family, int before) {
            int least = tree.map(TreeSpec::minVisits).orElse(1);
            boolean best = tree.filter(search -> search.siblingPairs() == SiblingPairs.BEST)
                    .isPresent();
            List<Scored> valued = family.stream()
                    .filter(step -> step.visits() >= least)
                    .flatMap(step ->
                            step.value().stream().map(value -> new Scored(step.id(), value, step.tokens().length)))
                    .toList();
            List<Ranked> siblings = best
                    ? StepPairs.best(
                            valued, spec.perPrompt(), id -> steps.get(id).visits())
                    : Ranking.pair(
                            valued,
                            spec,
                            k -> Philox.uniform(seed, prompt.iteration(), prompt.prompt(), before + k, 0));
            int pairs = 0;
            for (Ranked ranked : siblings) {
                TreeLine chosen = steps.get(ranked.chosen().branch());
                TreeLine rejected = steps.get(ranked.rejected().branch());
                pairs++;
                if (fits(ranked, chosen.tokens(), rejected.tokens())) {
                    formed.add(StepPairs.line(prompt, before + ranked.k(), ranked, steps));
                }
            }
            return pairs;
        }

        private boolean fits(Ranked ranked, int[] chosen, int[] rejected) {
            if (ranked.chosen().reward() == ranked.rejected().reward()) {
                tied++;
            } else if (Arrays.equals(chosen, rejected)) {
                identical++;
            } else if (ranked.margin() < spec.minMargin().orElse(0.0)) {
                belowMargin++;
            } else {
                return true;
            }
            return false;
        }

        private static PairLine line(
                PromptLine prompt, int pair, Ranked ranked, ThoughtLine chosen, ThoughtLine rejected) {
            return new PairLine(
                    prompt.iteration(),
                    prompt.prompt(),
                    pair,
                    prompt.text(),
                    chosen.text(),
                    rejected.text(),
                    ranked.chosen().reward(),
                    ranked.rejected().reward(),
                    ranked.chosenRank(),
                    ranked.rejectedRank(),
                    chosen.branch(),
                    rejected.branch(),
                    prompt.ids(),
                    chosen.ids(),
                    rejected.ids(),
                    chosen.logprobs(),
                    rejected.logprobs(),
                    Optional.empty(),
                    Optional.empty());
        }
    }
}
