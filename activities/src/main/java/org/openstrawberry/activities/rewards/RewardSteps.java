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
import org.openstrawberry.activities.runtime.StepSpan;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.PromptBatch;
import org.openstrawberry.workflows.steps.RewardActivities;
import org.openstrawberry.workflows.steps.Scores;
import org.openstrawberry.workflows.steps.Thoughts;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;

/** Streams a shard's thoughts through the reward and writes the scores down. */
public final class RewardSteps implements RewardActivities {
    private static final Logger log = LoggerFactory.getLogger(RewardSteps.class);

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
        Thoughts shard = request.thoughts();
        return Scores.of(shard, scored(run, request.prompts(), shard, thoughts(run, shard), request.reward()));
    }

    /**
     * Begins to score a shard that is about to be generated, where the run's reward is asked elsewhere. One that computes
     * here waits for the whole shard: it would compete with the generation for the same processors.
     */
    public Optional<EarlyScores> early(Run run, PromptBatch prompts) {
        RewardSpec reward = run.spec().reward();
        return reward.remote()
                ? Optional.of(new EarlyScores(rewards.apply(reward), texts(run, prompts)))
                : Optional.empty();
    }

    /**
     * Publishes what was scored early as the shard's scores, which {@link #score} then finds. Where that fails it is scored
     * there, in the usual way.
     */
    public void publish(Run run, int iteration, int shard, EarlyScores early) {
        try {
            run.store()
                    .once(
                            RunLayout.scores(iteration, shard),
                            out -> Json.lines(early.await()).write(out));
        } catch (RuntimeException e) {
            log.warn("iteration {}: shard {} will be scored again", iteration, shard, e);
        }
    }

    /**
     * Scores a shard that this process has just generated, where that takes less time than a step of its own; or finds
     * that it is scored already, early or by the trees that it came from.
     *
     * @param thoughts of the shard
     * @return empty where it is left to {@link #score}, as it is where it fails
     */
    public Optional<Thoughts.Scored> atOnce(Run run, PromptBatch prompts, Thoughts shard, Flux<ThoughtLine> thoughts) {
        RewardSpec reward = run.spec().reward();
        try {
            return rewards.apply(reward).quick()
                            || run.store().find(path(shard)).isPresent()
                    ? Optional.of(scored(run, prompts, shard, thoughts, reward))
                    : Optional.empty();
        } catch (RuntimeException e) {
            log.warn("iteration {}: shard {} is left to a step of its own", shard.iteration(), shard.shard(), e);
            return Optional.empty();
        }
    }

    /** A shard's thoughts, as they are stored. */
    public static Flux<ThoughtLine> thoughts(Run run, Thoughts shard) {
        return Flux.defer(() -> Json.stream(run.store().verified(shard.artifact()), ThoughtLine.class));
    }

    private static String path(Thoughts shard) {
        return RunLayout.scores(shard.iteration(), shard.shard());
    }

    private static Map<Integer, PromptLine> texts(Run run, PromptBatch prompts) {
        return Json.readLines(run.store().verified(prompts.artifact()), PromptLine.class).stream()
                .collect(Collectors.toMap(PromptLine::prompt, Function.identity()));
    }

    private Thoughts.Scored scored(
            Run run, PromptBatch prompts, Thoughts shard, Flux<ThoughtLine> thoughts, RewardSpec reward) {
        ArtifactRef artifact = run.store()
                .once(
                        path(shard),
                        out -> Json.lines(scores(run, prompts, thoughts, reward))
                                .write(out));
        List<ScoreLine> scores = Json.readLines(run.store().resolve(artifact.path()), ScoreLine.class);
        double[] finite = scores.stream()
                .flatMap(score -> score.reward().stream())
                .mapToDouble(Double::doubleValue)
                .toArray();
        double sum = 0;
        for (double score : finite) {
            sum += score;
        }
        return new Thoughts.Scored(artifact, finite.length, scores.size() - finite.length, sum);
    }

    private List<ScoreLine> scores(Run run, PromptBatch batch, Flux<ThoughtLine> shard, RewardSpec reward) {
        Map<Integer, PromptLine> prompts = texts(run, batch);
        Scorer scorer = rewards.apply(reward);
        List<ScoreLine> scores = shard.bufferUntilChanged(ThoughtLine::prompt)
                .flatMapSequential(thoughts -> score(scorer, prompts, thoughts), Scorer.CONCURRENCY)
                .collectList()
                .contextWrite(StepSpan.carried())
                .block();
        if (scores == null) {
            throw new IllegalStateException("the stream of scores ended without a list");
        }
        return scores;
    }

    /** Scores of one prompt's thoughts. */
    static Flux<ScoreLine> score(Scorer scorer, Map<Integer, PromptLine> prompts, List<ThoughtLine> thoughts) {
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
}
