package org.openstrawberry.activities.rewards;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
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
import reactor.core.publisher.Mono;

/** Streams a shard's thoughts through the reward and writes the scores down. */
public final class RewardSteps implements RewardActivities {
    private final Runs runs;
    private final Function<RewardSpec, Reward> rewards;

    /** @param rewards makes the reward that a run's settings describe */
    public RewardSteps(Runs runs, Function<RewardSpec, Reward> rewards) {
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
        Reward reward = rewards.apply(request.reward());
        List<ScoreLine> scores = Json.stream(
                        run.store().verified(request.thoughts().artifact()), ThoughtLine.class)
                .flatMapSequential(thought -> score(reward, prompts, thought), Scoring.CONCURRENCY)
                .collectList()
                .block();
        if (scores == null) {
            throw new IllegalStateException("the stream of scores ended without a list");
        }
        return scores;
    }

    private static Mono<ScoreLine> score(Reward reward, Map<Integer, PromptLine> prompts, ThoughtLine thought) {
        PromptLine prompt = prompts.get(thought.prompt());
        if (prompt == null) {
            return Mono.error(
                    new IllegalStateException("a thought of prompt " + thought.prompt() + ", which was not sampled"));
        }
        String place =
                "iteration " + thought.iteration() + ", prompt " + thought.prompt() + ", branch " + thought.branch();
        return Scoring.score(reward, new Sample(prompt.text(), prompt.fields(), thought.text(), thought.ended()), place)
                .map(scored -> new ScoreLine(
                        thought.iteration(), thought.prompt(), thought.branch(), scored.reward(), scored.error()));
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
