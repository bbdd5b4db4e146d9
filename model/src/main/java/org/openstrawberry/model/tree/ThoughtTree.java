package org.openstrawberry.model.tree;

import com.google.common.primitives.Floats;
import com.google.common.primitives.Ints;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.openstrawberry.model.generation.Completion;

/**
 * The steps that a prompt's thoughts went through. A node is a step, the root is the prompt; thoughts with the same steps share
 * their nodes. A visit is a thought with a value that went through the node, and a node's value is the mean of theirs.
 */
public final class ThoughtTree {
    private final List<Node> nodes = new ArrayList<>();
    private final StepBoundary boundary;
    private final int depth;
    private final boolean whole;
    private double least = Double.POSITIVE_INFINITY;
    private double greatest = Double.NEGATIVE_INFINITY;

    /**
     * A tree of a root.
     *
     * @param key of the root's random numbers
     * @param depth steps that are parted
     * @param whole whether all steps of a thought belong to the tree, as far as that depth; otherwise its first one
     */
    public ThoughtTree(long key, StepBoundary boundary, int depth, boolean whole) {
        this.boundary = boundary;
        this.depth = depth;
        this.whole = whole;
        nodes.add(new Node(0, Optional.empty(), 0, key, new int[0], new float[0], false));
    }

    /** A step. */
    public static final class Node {
        private final int id;
        private final Optional<Node> parent;
        private final int depth;
        private final long key;
        private final int[] tokens;
        private final float[] logProbs;
        private final boolean ended;
        private final List<Node> children = new ArrayList<>();
        private boolean grown;
        private int thoughts;
        private int visits;
        private double sum;
        private int pending;

        private Node(
                int id, Optional<Node> parent, int depth, long key, int[] tokens, float[] logProbs, boolean ended) {
            this.id = id;
            this.parent = parent;
            this.depth = depth;
            this.key = key;
            this.tokens = tokens;
            this.logProbs = logProbs;
            this.ended = ended;
        }

        /** Its number, unique in its tree; a parent's is smaller than its children's. The root's is 0. */
        public int id() {
            return id;
        }

        /** The step before it. */
        public Optional<Node> parent() {
            return parent;
        }

        /** Steps from the root. */
        public int depth() {
            return depth;
        }

        /** Of what is drawn here, by {@link Draw}. */
        public long key() {
            return key;
        }

        /** Of this step; the root has none. */
        public int[] tokens() {
            return tokens.clone();
        }

        /** Of its tokens, at temperature 1. */
        public float[] logProbs() {
            return logProbs.clone();
        }

        /** Whether the thought is over with this step: nothing is written behind it. */
        public boolean ended() {
            return ended;
        }

        /** The steps that follow it, in the order in which they were first drawn. */
        public List<Node> children() {
            return Collections.unmodifiableList(children);
        }

        /** Thoughts with a value that went through it. */
        public int visits() {
            return visits;
        }

        /** The mean of their values; none without a visit. */
        public OptionalDouble value() {
            return visits == 0 ? OptionalDouble.empty() : OptionalDouble.of(sum / visits);
        }

        /** The policy's mean log-probability of the step's tokens, in nats; 0 for the root. */
        public double meanLogProb() {
            double total = 0;
            for (float logProb : logProbs) {
                total += logProb;
            }
            return tokens.length == 0 ? 0 : total / tokens.length;
        }

        /** Tokens from the root to its end. */
        public int[] path() {
            return Ints.concat(parent.map(Node::path).orElse(new int[0]), tokens);
        }

        /** The log-probabilities of {@link #path}. */
        public float[] pathLogProbs() {
            return Floats.concat(parent.map(Node::pathLogProbs).orElse(new float[0]), logProbs);
        }

        /** How many tokens lead to its end. */
        public int pathLength() {
            return tokens.length + parent.map(Node::pathLength).orElse(0);
        }

        int pending() {
            return pending;
        }

        /** Thoughts that went through it, with a value or without. */
        int thoughts() {
            return thoughts;
        }

        /** Whether thoughts were drawn here; its children may be of thoughts that came from further up. */
        boolean grown() {
            return grown;
        }

        void grow() {
            grown = true;
        }

        /** Counts a thought that is to be drawn at this node, here and above. */
        void expect() {
            pending++;
            parent.ifPresent(Node::expect);
        }

        void forgetExpected() {
            pending = 0;
        }

        @Override
        public String toString() {
            return "Node[" + id + ", tokens=" + Arrays.toString(tokens) + ", visits=" + visits + ", value=" + value()
                    + "]";
        }
    }

    /** All nodes by their number. */
    public List<Node> nodes() {
        return Collections.unmodifiableList(nodes);
    }

    /** The prompt. */
    public Node root() {
        return nodes.get(0);
    }

    /** A node by its number. */
    public Node node(int id) {
        return nodes.get(id);
    }

    /** Whether a node has nothing to grow, nor any below it. */
    boolean closed(Node node) {
        return !growable(node) || (node.grown && node.children.stream().allMatch(this::closed));
    }

    private boolean growable(Node node) {
        return !node.ended && node.depth < depth;
    }

    /**
     * Takes in a thought that was drawn at a node: its steps become nodes, but those that are there already.
     *
     * @param thought from the node's end on
     * @return the last of its nodes
     */
    public Node add(Node from, Completion thought) {
        if (!growable(from)) {
            throw new IllegalArgumentException("nothing is drawn at " + from + ", which is closed");
        }
        int[] ids = thought.ids();
        Node at = from;
        int begin = 0;
        do {
            int end = begin + boundary.end(Arrays.copyOfRange(ids, begin, ids.length));
            at = child(
                    at,
                    Arrays.copyOfRange(ids, begin, end),
                    Arrays.copyOfRange(thought.logProbs(), begin, end),
                    end == ids.length);
            begin = end;
        } while (whole && growable(at));
        Optional<Node> through = Optional.of(at);
        while (through.isPresent()) {
            through.get().thoughts++;
            through = through.get().parent;
        }
        return at;
    }

    private Node child(Node parent, int[] step, float[] logProbs, boolean ended) {
        return parent.children.stream()
                .filter(child -> Arrays.equals(child.tokens, step) && child.ended == ended)
                .findFirst()
                .orElseGet(() -> {
                    Node child = new Node(
                            nodes.size(),
                            Optional.of(parent),
                            parent.depth + 1,
                            Draw.behind(parent.key, step),
                            step,
                            logProbs,
                            ended);
                    nodes.add(child);
                    parent.children.add(child);
                    return child;
                });
    }

    /**
     * Backs a thought's value up: from the last of its nodes to the root.
     *
     * @param value finite; a thought without a value is not backed up, it is no zero
     */
    public void backUp(Node last, double value) {
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException("a value must be finite, found " + value);
        }
        least = Math.min(least, value);
        greatest = Math.max(greatest, value);
        Optional<Node> at = Optional.of(last);
        while (at.isPresent()) {
            Node node = at.get();
            node.visits++;
            node.sum += value;
            at = node.parent;
        }
    }

    /** A mean of values on the scale from the least (0) to the greatest value of the tree (1); 0 while there is but one. */
    double scaled(double value) {
        return greatest > least ? (value - least) / (greatest - least) : 0;
    }
}
