package org.openstrawberry.activities.thoughts;

import com.google.common.primitives.Floats;
import com.google.common.primitives.Ints;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;
import org.openstrawberry.activities.lines.WaveLine;
import org.openstrawberry.activities.policy.Settings;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.config.TreeSpec;
import org.openstrawberry.config.TreeSpec.Prior;
import org.openstrawberry.config.TreeSpec.Search;
import org.openstrawberry.config.TreeSpec.Value;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.Continuations;
import org.openstrawberry.model.generation.Continuations.Continuation;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.pretrained.Tokenizer;
import org.openstrawberry.model.transformer.TextCache.Text;
import org.openstrawberry.model.transformer.WritingWeights;
import org.openstrawberry.model.tree.Draw;
import org.openstrawberry.model.tree.SearchSettings;
import org.openstrawberry.model.tree.SearchSettings.Method;
import org.openstrawberry.model.tree.StepBoundary;
import org.openstrawberry.model.tree.ThoughtTree;
import org.openstrawberry.model.tree.ThoughtTree.Node;
import org.openstrawberry.model.tree.TreeSearch;

/**
 * The trees of several prompts, which grow together: a wave is some leaves of each, computed as one stream of rows. What
 * grows is a function of the settings, the policy and the values alone.
 */
public final class Forest {
    private final TreeSpec spec;
    private final SamplingSettings sampling;
    private final int branches;
    private final int rows;
    private final long iteration;
    private final int longest; // prompt
    private final StepBoundary boundary;
    private final Map<Integer, Tree> trees = new LinkedHashMap<>();

    /**
     * Roots alone.
     *
     * @param sampling how they grow, how tokens are chosen, and how long a thought may be; it has a tree
     * @param tokenizer for what ends a step
     * @param seed of the run
     * @param iteration a coordinate of the random numbers
     * @param prompts tokens by number
     */
    public Forest(SamplingSpec sampling, Tokenizer tokenizer, long seed, long iteration, Map<Integer, int[]> prompts) {
        spec = sampling.tree().orElseThrow();
        this.sampling = Settings.of(sampling);
        branches = sampling.branches();
        rows = sampling.waveRows();
        this.iteration = iteration;
        longest = prompts.values().stream().mapToInt(ids -> ids.length).max().orElse(1);
        boundary = boundary(tokenizer);
        long key = Draw.root(seed);
        prompts.forEach((number, ids) -> trees.put(number, new Tree(number, ids, key)));
    }

    /**
     * A writer of the forest's thoughts, which keeps what they share.
     *
     * @param eosIds tokens that end a thought
     * @param weights of the policy
     */
    public Continuations writer(Set<Integer> eosIds, WritingWeights weights) {
        return new Continuations(eosIds, weights, longest + sampling.maxNewTokens(), (long) spec.cacheMb() << 20);
    }

    private StepBoundary boundary(Tokenizer tokenizer) {
        Optional<Integer> longest = spec.stepTokensOf(sampling.maxNewTokens());
        return new StepBoundary(
                ids -> spec.stepDelimiter()
                        .map(text -> tokenizer.decode(ids).contains(text))
                        .orElse(false),
                Set.copyOf(spec.stepIds()),
                longest.map(OptionalInt::of).orElse(OptionalInt.empty()));
    }

    private SearchSettings settings() {
        Search search = spec.search();
        return new SearchSettings(
                search == Search.PUCT ? Method.PUCT : Method.BEAM,
                spec.rootWidthOf(branches),
                spec.widthOf(branches),
                spec.depth(),
                spec.rollouts(),
                spec.simulations().map(OptionalInt::of).orElse(OptionalInt.empty()),
                spec.tokens().map(OptionalLong::of).orElse(OptionalLong.empty()),
                branches,
                spec.leaves(),
                spec.exploration().orElse(1.0),
                spec.prior().orElse(Prior.POLICY) == Prior.POLICY);
    }

    /**
     * A thought that is in a tree.
     *
     * @param prompt number of the tree
     * @param branch its number among the prompt's thoughts, from 0
     * @param last the last of its steps that is in the tree
     * @param ids its tokens from the prompt on
     * @param logProbs of these tokens
     * @param ended whether it ended by itself
     */
    public record Thought(int prompt, int branch, Node last, int[] ids, float[] logProbs, boolean ended) {}

    /** A prompt's tree and the thoughts that made it. */
    public final class Tree {
        private final int prompt;
        private final TreeSearch search;
        private final Map<Node, Text> texts = new IdentityHashMap<>();
        private final List<Thought> thoughts = new ArrayList<>();
        private List<Node> leaves = List.of();
        private int before;

        private Tree(int prompt, int[] ids, long key) {
            this.prompt = prompt;
            search = new TreeSearch(
                    settings(), new ThoughtTree(key, boundary, spec.depth(), spec.value() == Value.ROLLOUTS));
            texts.put(search.tree().root(), Text.of(ids));
        }

        public int prompt() {
            return prompt;
        }

        public TreeSearch search() {
            return search;
        }

        /** In the order in which they were drawn. */
        public List<Thought> thoughts() {
            return thoughts;
        }

        /** The thoughts of the newest wave. */
        public List<Thought> newest() {
            return thoughts.subList(before, thoughts.size());
        }

        private Text text(Node node) {
            Text known = texts.get(node);
            if (known == null) {
                known = text(node.parent().orElseThrow()).then(node.tokens());
                texts.put(node, known);
            }
            return known;
        }

        private void takeIn(WaveLine line) {
            Node from = search.tree().node(line.node());
            Completion thought = new Completion(line.ids(), line.logprobs(), line.ended());
            Node last = line.rollout() ? search.wentOn(from, thought) : search.drawn(from, thought);
            thoughts.add(new Thought(
                    prompt,
                    thoughts.size(),
                    last,
                    Ints.concat(from.path(), thought.ids()),
                    Floats.concat(from.pathLogProbs(), thought.logProbs()),
                    thought.ended()));
        }
    }

    /** By prompt. */
    public List<Tree> trees() {
        return List.copyOf(trees.values());
    }

    /** Tokens that were generated. */
    public long written() {
        return trees.values().stream().mapToLong(tree -> tree.search.written()).sum();
    }

    /** Chooses the leaves that grow in the next wave; false once no tree has any. */
    public boolean select() {
        trees.values().forEach(tree -> {
            tree.leaves = tree.search.leaves();
            tree.before = tree.thoughts.size();
        });
        return trees.values().stream().anyMatch(tree -> !tree.leaves.isEmpty());
    }

    /** A thought to draw. */
    private record Planned(Tree tree, Node node, boolean rollout, long key) {}

    /**
     * Draws the wave's thoughts and takes them in.
     *
     * @param writer of the policy
     * @return what {@link #takeIn} needs to do the same without the policy
     */
    public List<WaveLine> draw(Continuations writer) {
        List<WaveLine> steps = write(
                writer,
                trees.values().stream()
                        .flatMap(tree -> tree.leaves.stream().flatMap(leaf -> planned(tree, leaf)))
                        .toList());
        takeIn(steps);
        List<WaveLine> rollouts = write(
                writer,
                trees.values().stream()
                        .flatMap(tree -> tree.search.rollouts().stream()
                                .map(more -> new Planned(tree, more.node(), true, more.key())))
                        .toList());
        takeIn(rollouts);
        return Stream.concat(steps.stream(), rollouts.stream()).toList();
    }

    private Stream<Planned> planned(Tree tree, Node leaf) {
        return Stream.iterate(0, i -> i + 1)
                .limit(tree.search.width(leaf))
                .map(i -> new Planned(tree, leaf, false, Draw.thought(leaf.key(), i)));
    }

    /** Thoughts of one temperature are computed together. */
    private List<WaveLine> write(Continuations writer, List<Planned> planned) {
        Map<Double, List<Integer>> byTemperature = new LinkedHashMap<>();
        for (int i = 0; i < planned.size(); i++) {
            double heat = spec.temperatureAt(planned.get(i).node().depth(), sampling.temperature());
            byTemperature.computeIfAbsent(heat, any -> new ArrayList<>()).add(i);
        }
        Map<Integer, WaveLine> lines = new LinkedHashMap<>();
        byTemperature.forEach((heat, places) -> {
            SamplingSettings settings = sampling.withTemperature(heat);
            List<Continuation> thoughts =
                    places.stream().map(planned::get).map(this::continuation).toList();
            List<Completion> written = writer.write(thoughts, settings, rows);
            for (int k = 0; k < places.size(); k++) {
                Planned thought = planned.get(places.get(k));
                Completion completion = written.get(k);
                lines.put(
                        places.get(k),
                        new WaveLine(
                                thought.tree().prompt,
                                thought.node().id(),
                                thought.rollout(),
                                completion.ids(),
                                completion.logProbs(),
                                completion.ended()));
            }
        });
        return Stream.iterate(0, i -> i + 1)
                .limit(planned.size())
                .flatMap(i -> Optional.ofNullable(lines.get(i)).stream())
                .toList();
    }

    private Continuation continuation(Planned planned) {
        int place = planned.node().pathLength();
        return new Continuation(
                planned.tree().text(planned.node()),
                planned.key(),
                iteration,
                planned.tree().prompt,
                place,
                sampling.maxNewTokens() - place);
    }

    /** Takes in thoughts that were drawn before. */
    public void takeIn(List<WaveLine> lines) {
        lines.forEach(line -> tree(line.prompt()).takeIn(line));
    }

    /** Backs up the value of one of the newest wave's thoughts. */
    public void value(int prompt, int branch, double value) {
        Tree tree = tree(prompt);
        tree.search.valued(tree.thoughts.get(branch).last(), value);
    }

    private Tree tree(int prompt) {
        Tree tree = trees.get(prompt);
        if (tree == null) {
            throw new IllegalStateException("a thought of prompt " + prompt + ", which has no tree here");
        }
        return tree;
    }
}
