package org.openstrawberry.activities.ranking;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.ranking.Ranking.Ranked;
import org.openstrawberry.activities.ranking.Ranking.Scored;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.store.ArtifactStore;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.PairsSpec;
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
        Pairing pairing = pair(run.store(), request);
        if (pairing.skippedPrompts == request.prompts().prompts()) {
            // Not kept, so that they are asked for again once the reward works.
            request.scores()
                    .forEach(shard -> run.store().discard(shard.artifact().path()));
            throw new IllegalStateException("iteration " + iteration + ": no prompt has a reward for a share of "
                    + request.quorum() + " of its branches; the log has the reward's errors");
        }
        String path = RunLayout.pairs(iteration);
        ArtifactRef artifact = run.store().once(path, Json.lines(pairing.formed));
        return new Pairs(
                iteration, artifact, pairing.formed.size(), pairing.tied, pairing.identical, pairing.skippedPrompts);
    }

    private static Pairing pair(ArtifactStore store, RankingRequest request) {
        Pairing pairing = new Pairing(request.pairs());
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
                                    .add(new Scored(line.branch(), reward))));
            thoughts.forEach((number, branches) -> {
                PromptLine prompt = prompts.get(number);
                if (prompt == null) {
                    throw new IllegalStateException("thoughts of prompt " + number + ", which was not sampled");
                }
                pairing.add(prompt, branches, scored.getOrDefault(number, List.of()), request.quorum());
            });
        }
        return pairing;
    }

    /** The pairs of an iteration as they come together. */
    private static final class Pairing {
        private final PairsSpec spec;
        private final List<PairLine> formed = new ArrayList<>();
        private int tied;
        private int identical;
        private int skippedPrompts;

        Pairing(PairsSpec spec) {
            this.spec = spec;
        }

        void add(PromptLine prompt, List<ThoughtLine> branches, List<Scored> scored, double quorum) {
            if (!Quorum.reached(scored.size(), branches.size(), quorum)) {
                skippedPrompts++;
                return;
            }
            for (Ranked ranked : Ranking.pair(scored, spec.perPrompt(), spec.order())) {
                ThoughtLine chosen = branches.get(ranked.chosen().branch());
                ThoughtLine rejected = branches.get(ranked.rejected().branch());
                if (ranked.chosen().reward() == ranked.rejected().reward()) {
                    tied++;
                } else if (Arrays.equals(chosen.ids(), rejected.ids())) {
                    identical++;
                } else {
                    formed.add(line(prompt, ranked, chosen, rejected));
                }
            }
        }

        private static PairLine line(PromptLine prompt, Ranked ranked, ThoughtLine chosen, ThoughtLine rejected) {
            return new PairLine(
                    prompt.iteration(),
                    prompt.prompt(),
                    ranked.k(),
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
                    rejected.ids());
        }
    }
}
