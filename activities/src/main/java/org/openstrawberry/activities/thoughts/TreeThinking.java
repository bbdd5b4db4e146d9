package org.openstrawberry.activities.thoughts;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.lines.TreeLine;
import org.openstrawberry.activities.lines.WaveLine;
import org.openstrawberry.activities.lines.WaveScoreLine;
import org.openstrawberry.activities.policy.PolicyStates;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.rewards.RewardException;
import org.openstrawberry.activities.rewards.Scored;
import org.openstrawberry.activities.rewards.Scorer;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.runtime.Heartbeats;
import org.openstrawberry.activities.runtime.StepSpan;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.runtime.Timed;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.activities.thoughts.Forest.Thought;
import org.openstrawberry.activities.thoughts.Forest.Tree;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.config.TreeSpec;
import org.openstrawberry.model.generation.Continuations;
import org.openstrawberry.model.transformer.WritingWeights;
import org.openstrawberry.model.tree.ThoughtTree.Node;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.ThoughtActivities.ThoughtRequest;
import org.openstrawberry.workflows.steps.Thoughts;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Grows the trees of a shard's prompts, wave by wave. The thoughts of a wave are an artifact, and what they came to is another:
 * whoever grows the trees later takes both from there and goes on with the next wave.
 */
final class TreeThinking {
    private final Tensors tensors;
    private final PolicyStates states;
    private final Function<RewardSpec, Scorer> rewards;

    TreeThinking(Tensors tensors, PolicyStates states, Function<RewardSpec, Scorer> rewards) {
        this.tensors = tensors;
        this.states = states;
        this.rewards = rewards;
    }

    /** Writes {@code tree-SS.jsonl}, {@code scores-SS.jsonl} and {@code thoughts-SS.jsonl}, this one last. */
    Thoughts grow(Run run, ThoughtRequest request, TreeSpec spec) {
        int iteration = request.prompts().iteration();
        Growth growth = new Growth(run, request, spec);
        growth.grow();
        run.store().once(RunLayout.tree(iteration, request.shard()), Json.lines(growth.treeLines()));
        run.store().once(RunLayout.scores(iteration, request.shard()), Json.lines(growth.scores));
        List<ThoughtLine> thoughts = growth.thoughtLines();
        ArtifactRef artifact = run.store().once(RunLayout.thoughts(iteration, request.shard()), Json.lines(thoughts));
        return new Thoughts(
                iteration,
                request.shard(),
                artifact,
                thoughts.size(),
                growth.forest.written(),
                (int) thoughts.stream().filter(ThoughtLine::ended).count(),
                growth.seconds,
                Optional.empty());
    }

    /** The trees of one request. */
    private final class Growth {
        private final Run run;
        private final ThoughtRequest request;
        private final TreeSpec spec;
        private final int iteration;
        private final int policy; // the iteration whose policy thinks
        private final Map<Integer, PromptLine> prompts = new LinkedHashMap<>();
        private final RewardSpec reward;
        private final Scorer scorer;
        private final Forest forest;
        private final List<ScoreLine> scores = new ArrayList<>();
        private double seconds;
        private @Nullable Continuations writer;
        private @Nullable WritingWeights written;

        Growth(Run run, ThoughtRequest request, TreeSpec spec) {
            this.run = run;
            this.request = request;
            this.spec = spec;
            iteration = request.prompts().iteration();
            SamplingSpec sampling = request.sampling();
            policy = request.parent().orElse(sampling.policyOf(iteration));
            int count = request.prompts().prompts();
            int first = ThoughtSteps.firstOf(request.shard(), sampling.shards(), count);
            int end = ThoughtSteps.firstOf(request.shard() + 1, sampling.shards(), count);
            Map<Integer, int[]> ids = new LinkedHashMap<>();
            Json.readLines(run.store().verified(request.prompts().artifact()), PromptLine.class).stream()
                    .filter(line -> line.prompt() >= first && line.prompt() < end)
                    .forEach(line -> {
                        prompts.put(line.prompt(), line);
                        ids.put(line.prompt(), line.ids());
                    });
            // The scores of a prompt's thoughts must not depend on which others are scored with them.
            reward = run.spec().reward().absolute();
            scorer = rewards.apply(reward);
            forest = new Forest(sampling, run.tokenizer(), run.spec().seed(), iteration, ids);
        }

        void grow() {
            try {
                for (int wave = 0; forest.select(); wave++) {
                    drawOrTake(RunLayout.wave(iteration, request.shard(), wave));
                    value(RunLayout.waveScores(iteration, request.shard(), wave), wave);
                    Heartbeats.tell("iteration " + iteration + ", shard " + request.shard() + ": wave " + wave + ", "
                            + forest.written() + " tokens");
                }
            } finally {
                tensors.call(() -> {
                    forgetWriter();
                    return true;
                });
            }
        }

        private void drawOrTake(String path) {
            Optional<ArtifactRef> known = run.store().find(path);
            if (known.isPresent()) {
                forest.takeIn(Json.readLines(run.store().verified(known.get()), WaveLine.class));
                return;
            }
            Timed<List<WaveLine>> drawn = tensors.call(() -> Timed.of(() -> forest.draw(writer())));
            seconds += drawn.seconds();
            byte[] content = Json.bytes(drawn.value());
            ArtifactRef standing = run.store().publish(path, out -> out.write(content));
            if (!standing.sha256().equals(Hashes.sha256(content))) {
                // Of another machine, whose bits differ: the tree in memory must not part from what is written.
                throw new UncheckedIOException(new IOException(
                        path + ": another attempt has drawn this wave; its thoughts are taken next time"));
            }
        }

        /** On the tensor thread. The policy may have been loaded again since the last wave; its bits are the same. */
        private Continuations writer() {
            WritingWeights weights = states.writer(run, policy).weights();
            Continuations known = writer;
            if (known != null && written == weights) {
                return known;
            }
            forgetWriter();
            Continuations fresh = forest.writer(run.base().eosIds(), weights);
            writer = fresh;
            written = weights;
            return fresh;
        }

        private void forgetWriter() {
            if (writer != null) {
                writer.close();
            }
            writer = null;
            written = null;
        }

        private void value(String path, int wave) {
            ArtifactRef artifact =
                    run.store().once(path, out -> Json.lines(scored(wave)).write(out));
            for (WaveScoreLine line : Json.readLines(run.store().verified(artifact), WaveScoreLine.class)) {
                line.value().ifPresent(value -> forest.value(line.prompt(), line.branch(), value));
                scores.add(new ScoreLine(
                        iteration, line.prompt(), line.branch(), line.reward(), line.error(), line.parts()));
            }
        }

        private List<WaveScoreLine> scored(int wave) {
            List<WaveScoreLine> lines = Flux.fromIterable(forest.trees())
                    .filter(tree -> !tree.newest().isEmpty())
                    .flatMapSequential(this::scored, Scorer.CONCURRENCY)
                    .collectList()
                    .contextWrite(StepSpan.carried())
                    .block();
            if (lines == null) {
                throw new IllegalStateException("the stream of scores ended without a list");
            }
            long valued =
                    lines.stream().filter(line -> line.value().isPresent()).count();
            if (valued == 0 || valued < reward.quorum() * lines.size()) {
                // Not kept, so that they are asked for again: the tree would go where the reward happened to work.
                throw new RewardException("iteration " + iteration + ", wave " + wave + " of shard " + request.shard()
                        + ": " + valued + " of " + lines.size() + " thoughts have a reward, expected a share of "
                        + reward.quorum() + "; the log has the reward's errors");
            }
            return lines;
        }

        private Flux<WaveScoreLine> scored(Tree tree) {
            List<Thought> thoughts = tree.newest();
            PromptLine prompt = Optional.ofNullable(prompts.get(tree.prompt())).orElseThrow();
            String place = "iteration " + iteration + ", prompt " + tree.prompt();
            Mono<List<Scored>> whole = scorer.score(
                    thoughts.stream()
                            .map(thought -> sample(prompt, thought.ids(), thought.ended()))
                            .toList(),
                    place);
            if (spec.value() == TreeSpec.Value.ROLLOUTS) {
                return whole.flatMapIterable(scored -> IntStream.range(0, thoughts.size())
                        .mapToObj(i -> line(thoughts.get(i), scored.get(i), scored.get(i)))
                        .toList());
            }
            Mono<List<Scored>> sofar = scorer.score(
                    thoughts.stream()
                            .map(thought -> sample(
                                    prompt,
                                    thought.last().path(),
                                    thought.ended() && thought.last().ended()))
                            .toList(),
                    place + ", steps");
            return whole.zipWith(
                            sofar,
                            (scored, values) -> IntStream.range(0, thoughts.size())
                                    .mapToObj(i -> line(thoughts.get(i), scored.get(i), values.get(i)))
                                    .toList())
                    .flatMapIterable(Function.identity());
        }

        private Sample sample(PromptLine prompt, int[] ids, boolean ended) {
            return new Sample(prompt.text(), prompt.fields(), run.tokenizer().decode(ids), ended, ids.length);
        }

        private WaveScoreLine line(Thought thought, Scored scored, Scored value) {
            return new WaveScoreLine(
                    thought.prompt(),
                    thought.branch(),
                    scored.reward(),
                    scored.error(),
                    scored.parts().isEmpty() ? Optional.empty() : Optional.of(new TreeMap<>(scored.parts())),
                    value.reward());
        }

        List<ThoughtLine> thoughtLines() {
            return forest.trees().stream()
                    .flatMap(tree -> tree.thoughts().stream())
                    .map(thought -> new ThoughtLine(
                            iteration,
                            thought.prompt(),
                            thought.branch(),
                            thought.ids(),
                            run.tokenizer().decode(thought.ids()),
                            thought.ended(),
                            Optional.of(thought.logProbs()),
                            request.sampling().sampledBy(iteration)))
                    .toList();
        }

        List<TreeLine> treeLines() {
            return forest.trees().stream().flatMap(this::treeLines).toList();
        }

        private Stream<TreeLine> treeLines(Tree tree) {
            Map<Node, List<Integer>> branches = new LinkedHashMap<>();
            tree.thoughts()
                    .forEach(thought -> branches.computeIfAbsent(thought.last(), any -> new ArrayList<>())
                            .add(thought.branch()));
            return tree.search().tree().nodes().stream()
                    .map(node -> new TreeLine(
                            iteration,
                            tree.prompt(),
                            node.id(),
                            node.parent().map(Node::id),
                            node.tokens(),
                            run.tokenizer().decode(node.tokens()),
                            node.ended(),
                            node.visits(),
                            node.value().isPresent() ? Optional.of(node.value().getAsDouble()) : Optional.empty(),
                            node.meanLogProb(),
                            node.logProbs(),
                            branches.getOrDefault(node, List.of())));
        }
    }
}
