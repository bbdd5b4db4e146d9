package org.openstrawberry.activities.thoughts;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.stream.IntStream;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.policy.PolicyStates;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.activities.thoughts.Thinking.Answer;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.PromptBatch;
import org.openstrawberry.workflows.steps.ThoughtActivities;
import org.openstrawberry.workflows.steps.Thoughts;
import reactor.core.publisher.Flux;

/** Streams a shard's prompts through the policy and writes the thoughts down. */
public final class ThoughtSteps implements ThoughtActivities {
    private final Runs runs;
    private final Thinking thinking;

    public ThoughtSteps(Runs runs, Tensors tensors, PolicyStates states) {
        this.runs = runs;
        this.thinking = new Thinking(tensors, states);
    }

    @Override
    public Thoughts generate(ThoughtRequest request) {
        Run run = runs.open(request.run());
        String path = RunLayout.thoughts(request.prompts().iteration(), request.shard());
        DoubleAdder seconds = new DoubleAdder();
        ArtifactRef artifact = run.store().once(path, out -> {
            for (ThoughtLine line : thoughts(run, request, seconds).toIterable()) {
                Json.writeLine(out, line);
            }
        });
        List<ThoughtLine> lines = Json.readLines(run.store().resolve(path), ThoughtLine.class);
        return new Thoughts(
                request.prompts().iteration(),
                request.shard(),
                artifact,
                lines.size(),
                lines.stream().mapToLong(line -> line.ids().length).sum(),
                (int) lines.stream().filter(ThoughtLine::ended).count(),
                seconds.sum());
    }

    private Flux<ThoughtLine> thoughts(Run run, ThoughtRequest request, DoubleAdder seconds) {
        SamplingSpec sampling = request.sampling();
        PromptBatch batch = request.prompts();
        int first = firstOf(request.shard(), sampling.shards(), batch.prompts());
        int end = firstOf(request.shard() + 1, sampling.shards(), batch.prompts());
        Flux<GenerationRequest> prompts = Json.stream(run.store().verified(batch.artifact()), PromptLine.class)
                .filter(line -> line.prompt() >= first && line.prompt() < end)
                .map(line -> new GenerationRequest(line.prompt(), line.ids(), sampling.branches()));
        SamplingSettings settings = new SamplingSettings(
                sampling.temperature(), sampling.topK(), sampling.topP(), sampling.minP(), sampling.maxNewTokens());
        return thinking.answers(
                        run,
                        request.parent().orElse(batch.iteration() - 1),
                        prompts,
                        settings,
                        sampling.branches(),
                        sampling.waveRows(),
                        Philox.seed(run.spec().seed(), "thoughts"),
                        batch.iteration())
                .doOnNext(answer -> seconds.add(answer.seconds()))
                .concatMapIterable(answer -> lines(run, batch.iteration(), answer));
    }

    /** Shards part the prompts in order, as evenly as they go. */
    static int firstOf(int shard, int shards, int prompts) {
        return (int) ((long) prompts * shard / shards);
    }

    private static List<ThoughtLine> lines(Run run, int iteration, Answer answer) {
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
                            Optional.of(completion.logProbs()));
                })
                .toList();
    }
}
