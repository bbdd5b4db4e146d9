package org.openstrawberry.activities.rewards;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.ranking.Quorum;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.RewardActivities;
import org.openstrawberry.workflows.steps.Scores;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/** Streams a shard's thoughts through the reward and writes the scores down. */
public final class RewardSteps implements RewardActivities {
    private static final Logger log = LoggerFactory.getLogger(RewardSteps.class);
    private static final int CONCURRENCY = 16;
    private static final int RETRIES = 3;
    private static final Duration FIRST_RETRY = Duration.ofMillis(100);

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
        Optional<ArtifactRef> there = run.store().find(path);
        if (there.isPresent()) {
            return summary(request, there.get(), Json.readLines(run.store().resolve(path), ScoreLine.class));
        }
        List<ScoreLine> scores = scores(run, request);
        requireQuorum(request, scores);
        return summary(request, run.store().publish(path, Json.lines(scores)), scores);
    }

    private List<ScoreLine> scores(Run run, ScoreRequest request) {
        Map<Integer, PromptLine> prompts =
                Json.readLines(run.store().verified(request.prompts().artifact()), PromptLine.class).stream()
                        .collect(Collectors.toMap(PromptLine::prompt, Function.identity()));
        Reward reward = rewards.apply(request.reward());
        List<ScoreLine> scores = Json.stream(
                        run.store().verified(request.thoughts().artifact()), ThoughtLine.class)
                .flatMapSequential(thought -> score(reward, prompts, thought), CONCURRENCY)
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
        Sample sample = new Sample(prompt.text(), prompt.fields(), thought.text(), thought.ended());
        return Mono.defer(() -> reward.score(sample))
                .switchIfEmpty(Mono.error(() -> new RewardException("the reward is missing")))
                .filter(Double::isFinite)
                .switchIfEmpty(Mono.error(() -> new RewardException("the reward is not a finite number")))
                .retryWhen(
                        Retry.backoff(RETRIES, FIRST_RETRY).onRetryExhaustedThrow((spec, signal) -> signal.failure()))
                .map(value -> line(thought, Optional.of(value), Optional.empty()))
                .onErrorResume(e -> {
                    log.warn(
                            "iteration {} prompt {} branch {}: no reward after {} tries",
                            thought.iteration(),
                            thought.prompt(),
                            thought.branch(),
                            RETRIES + 1,
                            e);
                    return Mono.just(line(thought, Optional.empty(), Optional.of(String.valueOf(e.getMessage()))));
                });
    }

    private static ScoreLine line(ThoughtLine thought, Optional<Double> reward, Optional<String> error) {
        return new ScoreLine(thought.iteration(), thought.prompt(), thought.branch(), reward, error);
    }

    /** A shard of which no prompt can be used is not stored, so that it is scored again once the reward works. */
    private static void requireQuorum(ScoreRequest request, List<ScoreLine> scores) {
        Map<Integer, List<ScoreLine>> byPrompt = scores.stream().collect(Collectors.groupingBy(ScoreLine::prompt));
        boolean any = byPrompt.values().stream()
                .anyMatch(branches -> Quorum.reached(
                        (int) branches.stream()
                                .filter(s -> s.reward().isPresent())
                                .count(),
                        branches.size(),
                        request.reward().quorum()));
        if (!any) {
            String example =
                    scores.stream().flatMap(s -> s.error().stream()).findFirst().orElse("too few branches");
            throw new RewardException("iteration " + request.thoughts().iteration() + ", shard "
                    + request.thoughts().shard() + ": no prompt has a reward for a share of "
                    + request.reward().quorum() + " of its branches; for example: " + example);
        }
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
