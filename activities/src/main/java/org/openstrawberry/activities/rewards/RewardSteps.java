package org.openstrawberry.activities.rewards;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.RewardActivities;
import org.openstrawberry.workflows.steps.Scores;
import reactor.core.publisher.Flux;

/** Streams a shard's thoughts through the reward and writes the scores down. */
public final class RewardSteps implements RewardActivities {
    private final Runs runs;
    private final Function<RewardSpec, Scorer> rewards;

    /** @param rewards makes the reward that a run's settings describe */
    public RewardSteps(Runs runs, Function<RewardSpec, Scorer> rewards) {
        this.runs = runs;
        this.rewards = rewards;
    }

    @Override
    public Scores score(ScoreRequest request) {
        Run run = runs.open(request.run());
        String path = RunLayout.scores(
                request.thoughts().iteration(), request.thoughts().shard());
        ArtifactRef artifact =
                run.store().once(path, out -> Json.lines(scores(run, request)).write(out));
        return summary(request, artifact, Json.readLines(run.store().resolve(path), ScoreLine.class));
    }

    private List<ScoreLine> scores(Run run, ScoreRequest request) {
        Map<Integer, PromptLine> prompts =
                Json.readLines(run.store().verified(request.prompts().artifact()), PromptLine.class).stream()
                        .collect(Collectors.toMap(PromptLine::prompt, Function.identity()));
        Scorer scorer = rewards.apply(request.reward());
        List<ScoreLine> scores = Json.stream(
                        run.store().verified(request.thoughts().artifact()), ThoughtLine.class)
                .bufferUntilChanged(ThoughtLine::prompt)
                .flatMapSequential(thoughts -> score(scorer, prompts, thoughts), Scorer.CONCURRENCY)
                .collectList()
                .block();
        if (scores == null) {
            throw new IllegalStateException("the stream of scores ended without a list");
        }
        return scores;
    }

    /** Scores of one prompt's thoughts. */
    private static Flux<ScoreLine> score(Scorer scorer, Map<Integer, PromptLine> prompts, List<ThoughtLine> thoughts) {
        ThoughtLine first = thoughts.get(0);
        PromptLine prompt = prompts.get(first.prompt());
        if (prompt == null) {
            return Flux.error(
                    new IllegalStateException("a thought of prompt " + first.prompt() + ", which was not sampled"));
        }
        List<Sample> group = thoughts.stream()
                .map(thought -> new Sample(
                        prompt.text(), prompt.fields(), thought.text(), thought.ended(), thought.ids().length))
                .toList();
        return scorer.score(group, "iteration " + first.iteration() + ", prompt " + first.prompt())
                .flatMapIterable(scored -> IntStream.range(0, thoughts.size())
                        .mapToObj(i -> line(thoughts.get(i), scored.get(i)))
                        .toList());
    }

    private static ScoreLine line(ThoughtLine thought, Scored scored) {
        return new ScoreLine(
                thought.iteration(),
                thought.prompt(),
                thought.branch(),
                scored.reward(),
                scored.error(),
                scored.parts().isEmpty() ? Optional.empty() : Optional.of(new TreeMap<>(scored.parts())));
    }

    private static Scores summary(ScoreRequest request, ArtifactRef artifact, List<ScoreLine> scores) {
        double[] rewards = scores.stream()
                .flatMap(score -> score.reward().stream())
                .mapToDouble(Double::doubleValue)
                .toArray();
        double sum = 0;
        for (double reward : rewards) {
            sum += reward;
        }
        return new Scores(
                request.thoughts().iteration(),
                request.thoughts(),
                artifact,
                rewards.length,
                scores.size() - rewards.length,
                sum);
    }
}
