package org.openstrawberry.activities.thoughts;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.policy.PolicyStates;
import org.openstrawberry.activities.policy.Settings;
import org.openstrawberry.activities.rewards.EarlyScores;
import org.openstrawberry.activities.rewards.RewardSteps;
import org.openstrawberry.activities.rewards.Scorer;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.activities.thoughts.Thinking.Answer;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.PromptBatch;
import org.openstrawberry.workflows.steps.ThoughtActivities;
import org.openstrawberry.workflows.steps.Thoughts;
import reactor.core.publisher.Flux;

/** Streams a shard's prompts through the policy and writes the thoughts down. */
public final class ThoughtSteps implements ThoughtActivities {
    private final Runs runs;
    private final Thinking thinking;
    private final Optional<RewardSteps> scoring;
    private final TreeThinking trees;

    /**
     * @param scoring those of this process, which need not wait for a whole shard; empty where others score
     * @param rewards makes the reward that a run's settings describe; trees ask it as they grow
     */
    public ThoughtSteps(
            Runs runs,
            Tensors tensors,
            PolicyStates states,
            Optional<RewardSteps> scoring,
            Function<RewardSpec, Scorer> rewards) {
        this.runs = runs;
        this.scoring = scoring;
        this.thinking = new Thinking(tensors, states);
        this.trees = new TreeThinking(tensors, states, rewards);
    }

    @Override
    public Thoughts generate(ThoughtRequest request) {
        Run run = runs.open(request.run());
        if (request.sampling().tree().isPresent()) {
            Thoughts grown = trees.grow(run, request, request.sampling().tree().get());
            return scored(run, request, grown, RewardSteps.thoughts(run, grown));
        }
        String path = RunLayout.thoughts(request.prompts().iteration(), request.shard());
        DoubleAdder seconds = new DoubleAdder();
        List<ThoughtLine> lines = new ArrayList<>();
        ArtifactRef artifact = run.store().find(path).orElseGet(() -> generate(run, request, path, seconds, lines));
        if (lines.isEmpty()) {
            lines.addAll(Json.readLines(run.store().resolve(path), ThoughtLine.class));
        }
        Thoughts thoughts = new Thoughts(
                request.prompts().iteration(),
                request.shard(),
                artifact,
                lines.size(),
                lines.stream().mapToLong(line -> line.ids().length).sum(),
                (int) lines.stream().filter(ThoughtLine::ended).count(),
                seconds.sum(),
                Optional.empty());
        return scored(run, request, thoughts, Flux.fromIterable(lines));
    }

    private Thoughts scored(Run run, ThoughtRequest request, Thoughts shard, Flux<ThoughtLine> lines) {
        return scoring.flatMap(rewards -> rewards.atOnce(run, request.prompts(), shard, lines))
                .map(shard::with)
                .orElse(shard);
    }

    /** @param lines takes what is generated here */
    private ArtifactRef generate(
            Run run, ThoughtRequest request, String path, DoubleAdder seconds, List<ThoughtLine> lines) {
        Optional<EarlyScores> early = scoring.flatMap(rewards -> rewards.early(run, request.prompts()));
        try {
            ArtifactRef artifact = run.store().once(path, out -> {
                lines.clear();
                Flux<List<ThoughtLine>> prompts = thoughts(run, request, seconds)
                        .doOnNext(branches -> early.ifPresent(scores -> scores.add(branches)));
                for (ThoughtLine line :
                        prompts.concatMapIterable(branches -> branches).toIterable()) {
                    Json.writeLine(out, line);
                    lines.add(line);
                }
            });
            if (!lines.isEmpty()) {
                early.ifPresent(scores ->
                        scoring.orElseThrow().publish(run, request.prompts().iteration(), request.shard(), scores));
            }
            return artifact;
        } finally {
            early.ifPresent(EarlyScores::close);
        }
    }

    /** By prompt. */
    private Flux<List<ThoughtLine>> thoughts(Run run, ThoughtRequest request, DoubleAdder seconds) {
        SamplingSpec sampling = request.sampling();
        PromptBatch batch = request.prompts();
        int first = firstOf(request.shard(), sampling.shards(), batch.prompts());
        int end = firstOf(request.shard() + 1, sampling.shards(), batch.prompts());
        Flux<GenerationRequest> prompts = Json.stream(run.store().verified(batch.artifact()), PromptLine.class)
                .filter(line -> line.prompt() >= first && line.prompt() < end)
                .map(line -> new GenerationRequest(line.prompt(), line.ids(), sampling.branches()));
        return thinking.answers(
                        run,
                        request.parent().orElse(sampling.policyOf(batch.iteration())),
                        prompts,
                        Settings.of(sampling),
                        sampling.branches(),
                        sampling.waveRows(),
                        Philox.seed(run.spec().seed(), "thoughts"),
                        batch.iteration())
                .doOnNext(answer -> seconds.add(answer.seconds()))
                .map(answer -> lines(run, batch.iteration(), sampling, answer));
    }

    /** Shards part the prompts in order, as evenly as they go. */
    static int firstOf(int shard, int shards, int prompts) {
        return (int) ((long) prompts * shard / shards);
    }

    private static List<ThoughtLine> lines(Run run, int iteration, SamplingSpec sampling, Answer answer) {
        return IntStream.range(0, answer.completions().size())
                .mapToObj(branch -> {
                    Completion completion = answer.completions().get(branch);
                    return new ThoughtLine(
                            iteration,
                            answer.request().prompt(),
                            branch,
                            completion.ids(),
                            run.tokenizer().decode(completion.ids()),
                            completion.ended(),
                            Optional.of(completion.logProbs()),
                            sampling.sampledBy(iteration));
                })
                .toList();
    }
}
