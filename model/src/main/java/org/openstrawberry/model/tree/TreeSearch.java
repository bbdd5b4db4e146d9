package org.openstrawberry.model.tree;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.tree.ThoughtTree.Node;

/**
 * The search of one tree, wave by wave: which leaves are grown, and what came of them. A wave is {@link #leaves}; then, for
 * each leaf, {@link #width} times {@link #drawn}; then, for each of {@link #rollouts}, {@link #wentOn}; and for each thought
 * that has a value {@link #valued}. All of it is a function of the settings and of what it is told, in this order.
 *
 * <p>PUCT is that of AlphaGo Zero (Silver et al., Nature 2017): from the root to the child with the greatest Q + c · P · √N /
 * (1 + n). Q is the child's value on the scale of the tree's values, as in MuZero (Schrittwieser et al., Nature 2020), P the
 * share of exp(mean log-probability of the step) among its siblings, N and n the visits of parent and child. A child that has
 * not been visited has its parent's value. A thought that is only expected counts as a visit with the least value (virtual
 * loss: Chaslot et al., 2008), so that the leaves of a wave differ.
 */
public final class TreeSearch {
    private final SearchSettings settings;
    private final ThoughtTree tree;
    private final List<Node> growing = new ArrayList<>();
    private int thoughts;
    private long written;
    private long wholeTokens; // of all thoughts from the root on
    private long rootTokens;
    private int rootThoughts;

    /** A search of a tree that has only its root. */
    public TreeSearch(SearchSettings settings, ThoughtTree tree) {
        this.settings = settings;
        this.tree = tree;
    }

    /** What is searched. */
    public ThoughtTree tree() {
        return tree;
    }

    /** Tokens that were written for this tree. */
    public long written() {
        return written;
    }

    /** Thoughts that were told of. */
    public int thoughts() {
        return thoughts;
    }

    /** The leaves to grow now, all different; none once the search is over. */
    public List<Node> leaves() {
        List<Node> before = List.copyOf(growing);
        growing.clear();
        tree.nodes().forEach(Node::forgetExpected);
        switch (settings.method()) {
            case PUCT -> selectByPuct();
            case BEAM -> selectBeam(before);
        }
        growing.forEach(Node::grow);
        return List.copyOf(growing);
    }

    private void selectByPuct() {
        long planned = 0;
        while (growing.size() < settings.leaves()) {
            Optional<Node> leaf = descend();
            if (leaf.isEmpty() || !affordable(leaf.get(), planned)) {
                return;
            }
            planned += cost(leaf.get());
            grow(leaf.get());
        }
    }

    /** Of the steps that follow those that grew last. */
    private void selectBeam(List<Node> before) {
        long planned = 0;
        Stream<Node> level = tree.root().grown()
                ? before.stream().flatMap(node -> node.children().stream())
                : Stream.of(tree.root());
        List<Node> best = level.sorted(
                        Comparator.comparingDouble((Node node) -> node.value().orElse(Double.NEGATIVE_INFINITY))
                                .thenComparingDouble(Node::meanLogProb)
                                .reversed()
                                .thenComparingInt(Node::id))
                .limit(settings.leaves())
                .toList();
        for (Node node : best) {
            if (!tree.closed(node) && affordable(node, planned)) {
                planned += cost(node);
                grow(node);
            }
        }
    }

    private void grow(Node leaf) {
        growing.add(leaf);
        for (int i = 0; i < width(leaf); i++) {
            leaf.expect();
        }
    }

    /** The leaf that PUCT leads to, past those that grow already; none if nothing else is open. */
    private Optional<Node> descend() {
        Node at = tree.root();
        if (!open(at)) {
            return Optional.empty();
        }
        while (at.grown()) {
            at = best(at);
        }
        return Optional.of(at);
    }

    /** Whether a leaf that does not grow yet is at or below a node. */
    private boolean open(Node node) {
        if (tree.closed(node) || growing.contains(node)) {
            return false;
        }
        return !node.grown() || node.children().stream().anyMatch(this::open);
    }

    private Node best(Node parent) {
        double total = parent.children().stream().mapToDouble(this::likelihood).sum();
        double visits = Math.sqrt(parent.visits() + parent.pending());
        Optional<Node> best = Optional.empty();
        double highest = Double.NEGATIVE_INFINITY;
        for (Node child : parent.children()) {
            double prior = likelihood(child) / total;
            int seen = child.visits() + child.pending();
            double score = quality(parent, child) + settings.exploration() * prior * visits / (1 + seen);
            if (open(child) && score > highest) {
                highest = score;
                best = Optional.of(child);
            }
        }
        return best.orElseThrow();
    }

    private double likelihood(Node child) {
        return settings.policyPrior() ? Math.exp(child.meanLogProb()) : 1;
    }

    private double quality(Node parent, Node child) {
        OptionalDouble value = child.visits() > 0 ? child.value() : parent.value();
        double known = value.isPresent() ? tree.scaled(value.getAsDouble()) : 0;
        int real = Math.max(1, child.visits());
        return known * real / (real + child.pending());
    }

    /** Whether the limits let a leaf grow; the root always may. */
    private boolean affordable(Node leaf, long planned) {
        if (leaf.parent().isEmpty()) {
            return true;
        }
        int planning = growing.size() * settings.width() * settings.rollouts();
        boolean few = settings.simulations().isEmpty()
                || thoughts + planning + settings.width() * settings.rollouts()
                        <= settings.simulations().getAsInt();
        return few && written + planned + cost(leaf) <= budget();
    }

    private double budget() {
        if (settings.tokens().isPresent()) {
            return settings.tokens().getAsLong();
        }
        return settings.simulations().isPresent()
                ? Double.POSITIVE_INFINITY
                : (double) settings.flat() * rootTokens / rootThoughts;
    }

    /** Tokens that growing a leaf will take, by the mean length of the thoughts so far. */
    private long cost(Node leaf) {
        double rest = thoughts == 0 ? 0 : (double) wholeTokens / thoughts - leaf.pathLength();
        return Math.round(width(leaf) * settings.rollouts() * Math.max(1, rest));
    }

    /** Thoughts to draw where a leaf grows. */
    public int width(Node leaf) {
        return leaf.parent().isEmpty() ? settings.rootWidth() : settings.width();
    }

    /**
     * A thought that was drawn at a leaf of this wave.
     *
     * @param thought from the leaf's end on
     * @return the last of its nodes
     */
    public Node drawn(Node leaf, Completion thought) {
        if (!growing.contains(leaf)) {
            throw new IllegalArgumentException(leaf + " does not grow in this wave");
        }
        count(leaf, thought);
        if (leaf.parent().isEmpty()) {
            rootThoughts++;
            rootTokens += thought.ids().length;
        }
        return tree.add(leaf, thought);
    }

    /** A thought that is still to be drawn at a new node, and the key of its random numbers. */
    public record Rollout(Node node, long key) {}

    /** The thoughts that are still to be drawn behind the leaves of this wave, whose children have one each at least. */
    public List<Rollout> rollouts() {
        List<Rollout> more = new ArrayList<>();
        for (Node leaf : growing) {
            for (Node child : leaf.children()) {
                // Nothing is drawn at the end of a thought, nor at the depth where the tree ends.
                for (int k = child.thoughts(); k < settings.rollouts() && !tree.closed(child); k++) {
                    more.add(new Rollout(child, Draw.rollout(child.key(), k)));
                }
            }
        }
        return more;
    }

    /**
     * A thought that was drawn at a new node.
     *
     * @param thought from the node's end on
     * @return the last of its nodes
     */
    public Node wentOn(Node node, Completion thought) {
        count(node, thought);
        return tree.add(node, thought);
    }

    private void count(Node from, Completion thought) {
        thoughts++;
        written += thought.ids().length;
        wholeTokens += from.pathLength() + thought.ids().length;
    }

    /** The value of a thought, by the last of its nodes. A thought without a value is not told of. */
    public void valued(Node last, double value) {
        tree.backUp(last, value);
    }
}
