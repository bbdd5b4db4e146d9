package org.openstrawberry.model.tree;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.tree.SearchSettings.Method;
import org.openstrawberry.model.tree.ThoughtTree.Node;

class TreeSearchTest {
    private static final int TOKENS = 3;
    private static final int LENGTH = 5;

    @Provide
    Arbitrary<SearchSettings> searches() {
        Arbitrary<OptionalLong> tokens =
                Arbitraries.longs().between(1, 300).map(OptionalLong::of).injectDuplicates(0.1);
        return Combinators.combine(
                        Arbitraries.of(Method.class),
                        Arbitraries.integers().between(2, 4),
                        Arbitraries.integers().between(1, 5),
                        Arbitraries.integers().between(1, 3),
                        Arbitraries.integers().between(1, 3),
                        tokens.optional(),
                        Arbitraries.integers().between(1, 60).optional(),
                        Arbitraries.doubles().between(0, 3))
                .as((method, width, depth, rollouts, leaves, limit, simulations, exploration) -> new SearchSettings(
                        method,
                        width + depth % 2,
                        width,
                        depth,
                        rollouts,
                        simulations.map(OptionalInt::of).orElse(OptionalInt.empty()),
                        limit.orElse(OptionalLong.empty()),
                        8,
                        leaves,
                        exploration,
                        true));
    }

    @Property(tries = 300)
    void childrensVisitsSumToTheirParentsAndValuesAreMeansOfTheirThoughts(
            @ForAll("searches") SearchSettings settings,
            @ForAll @IntRange(max = 1000) int seed,
            @ForAll @IntRange(min = 1, max = 3) int step) {
        Toy toy = new Toy(settings, seed, step, 0.2);

        toy.run();

        int told = 0;
        for (Node node : toy.search.tree().nodes()) {
            List<Double> values = toy.valuesThrough(node);
            told = Math.max(told, values.size());
            assertThat(node.visits()).isEqualTo(values.size());
            assertThat(node.children().stream().mapToInt(Node::visits).sum()).isLessThanOrEqualTo(node.visits());
            if (!values.isEmpty()) {
                assertThat(node.value().orElseThrow())
                        .isCloseTo(values.stream().mapToDouble(x -> x).average().orElseThrow(), within(1e-12));
            }
        }
        assertThat(toy.search.tree().root().visits())
                .as("no reward is lost")
                .isEqualTo(toy.thoughts.size() - toy.failed);
        assertThat(told).isEqualTo(toy.thoughts.size() - toy.failed);
        assertThat(toy.search.thoughts()).isEqualTo(toy.thoughts.size());
        assertThat(toy.search.written()).isEqualTo(toy.written);
    }

    @Property(tries = 200)
    void siblingsDifferAndParentsComeFirst(
            @ForAll("searches") SearchSettings settings, @ForAll @IntRange(max = 1000) int seed) {
        Toy toy = new Toy(settings, seed, 1, 0);

        toy.run();

        for (Node node : toy.search.tree().nodes()) {
            assertThat(node.children())
                    .extracting(child -> Arrays.toString(child.tokens()))
                    .doesNotHaveDuplicates();
            assertThat(node.children()).allMatch(child -> child.id() > node.id());
            assertThat(node.depth()).isLessThanOrEqualTo(settings.depth());
            assertThat(node.ended() && !node.children().isEmpty()).isFalse();
        }
    }

    @Property(tries = 200)
    void aWavesLeavesDifferAndNoLeafGrowsTwice(
            @ForAll("searches") SearchSettings settings, @ForAll @IntRange(max = 1000) int seed) {
        Toy toy = new Toy(settings, seed, 1, 0);

        toy.run();

        assertThat(toy.grown).doesNotHaveDuplicates();
    }

    @Property(tries = 200)
    void thoughtsStayWithinTheirNumber(
            @ForAll @IntRange(min = 4, max = 40) int simulations, @ForAll @IntRange(max = 1000) int seed) {
        SearchSettings settings = settings(Method.PUCT, 4, 5, 1, OptionalInt.of(simulations), OptionalLong.empty(), 2);
        Toy toy = new Toy(settings, seed, 1, 0);

        toy.run();

        assertThat(toy.search.thoughts()).isLessThanOrEqualTo(simulations);
    }

    @Test
    void withoutLimitsATreeTakesAboutTheTokensOfFlatThoughts() {
        long tree = 0;
        long flat = 0;
        for (int seed = 0; seed < 200; seed++) {
            Toy toy = new Toy(settings(Method.PUCT, 2, 4, 1, OptionalInt.empty(), OptionalLong.empty(), 1), seed, 1, 0);
            toy.run();
            tree += toy.search.written();
            flat += 8 * LENGTH;
        }
        assertThat((double) tree / flat).isBetween(0.8, 1.0);
    }

    @Test
    void puctChoosesByValuePriorAndVisits() {
        ThoughtTree tree = new ThoughtTree(0, StepBoundary.every(1), 3, true);
        TreeSearch search =
                new TreeSearch(settings(Method.PUCT, 2, 3, 1, OptionalInt.empty(), OptionalLong.of(1000), 1), tree);
        search.leaves();
        search.valued(search.drawn(tree.root(), thought(new int[] {1, 0, 0}, Math.log(0.2))), 1);
        search.valued(search.drawn(tree.root(), thought(new int[] {2, 0, 0}, Math.log(0.6))), 0);
        Node good = tree.root().children().get(0);
        Node likely = tree.root().children().get(1);
        // Q: 1 and 0; priors 1/4 and 3/4; √2 / 2 for both: 1 + 0.177 against 0.530.
        assertThat(search.leaves()).containsExactly(good);

        Node first = search.drawn(good, thought(new int[] {1, 0}, -1));
        Node second = search.drawn(good, thought(new int[] {2, 0}, -1));
        search.valued(first, 0);
        search.valued(second, 0);
        // good: Q 1/3 and 1/4 · 2 / 4, which is 0.458; likely: 3/4 · 2 / 2, which is 0.75.
        assertThat(search.leaves()).containsExactly(likely);
    }

    @Test
    void allStepsOfAThoughtAreNodesAsFarAsTheTreeIsDeep() {
        ThoughtTree tree = new ThoughtTree(0, StepBoundary.every(2), 2, true);
        TreeSearch search =
                new TreeSearch(settings(Method.PUCT, 2, 2, 1, OptionalInt.empty(), OptionalLong.empty(), 1), tree);
        search.leaves();
        Node last = search.drawn(tree.root(), thought(new int[] {1, 2, 3, 4, 5, 6}, -1));
        Node other = search.drawn(tree.root(), thought(new int[] {1, 2, 7}, -1));

        assertThat(last.path()).containsExactly(1, 2, 3, 4);
        assertThat(last.ended()).isFalse();
        assertThat(other.path()).containsExactly(1, 2, 7);
        assertThat(other.ended()).isTrue();
        assertThat(other.parent()).isEqualTo(last.parent());
        assertThat(search.leaves())
                .as("a step that thoughts only went through can grow")
                .hasSize(1);
    }

    @Test
    void virtualLossSendsTheSecondLeafElsewhere() {
        ThoughtTree tree = new ThoughtTree(0, StepBoundary.every(1), 3, true);
        TreeSearch search =
                new TreeSearch(settings(Method.PUCT, 2, 3, 1, OptionalInt.empty(), OptionalLong.of(1000), 2), tree);
        assertThat(search.leaves()).as("a root grows once").containsExactly(tree.root());
        search.valued(search.drawn(tree.root(), thought(new int[] {1, 0, 0}, -1)), 1);
        search.valued(search.drawn(tree.root(), thought(new int[] {2, 0, 0}, -1)), 0);
        Node good = tree.root().children().get(0);
        Node bad = tree.root().children().get(1);

        assertThat(search.leaves()).containsExactly(good, bad);
    }

    @Test
    void theRootHasAWidthOfItsOwn() {
        ThoughtTree tree = new ThoughtTree(0, StepBoundary.every(1), 3, true);
        TreeSearch search = new TreeSearch(
                new SearchSettings(Method.PUCT, 5, 2, 3, 1, OptionalInt.empty(), OptionalLong.of(1000), 8, 1, 1, true),
                tree);
        search.leaves();
        Node child = search.drawn(tree.root(), thought(new int[] {1, 0, 0}, -1));

        assertThat(search.width(tree.root())).isEqualTo(5);
        assertThat(search.width(child)).isEqualTo(2);
    }

    @Test
    void aBeamGrowsTheBestOfEachLevel() {
        ThoughtTree tree = new ThoughtTree(0, StepBoundary.every(1), 3, true);
        TreeSearch search =
                new TreeSearch(settings(Method.BEAM, 3, 3, 1, OptionalInt.empty(), OptionalLong.of(1000), 2), tree);
        search.leaves();
        for (int i = 0; i < 3; i++) {
            search.valued(search.drawn(tree.root(), thought(new int[] {i, 0, 0}, -1)), i);
        }
        List<Node> steps = tree.root().children();
        assertThat(search.leaves()).containsExactly(steps.get(2), steps.get(1));
        search.valued(search.drawn(steps.get(1), thought(new int[] {1, 1}, -1)), 9);
        search.valued(search.drawn(steps.get(2), thought(new int[] {1, 1}, -1)), 3);
        // Behind 2 the token 0 has value 2 and 1 has 3; behind 1 they have 1 and 9.
        assertThat(search.leaves())
                .containsExactly(
                        steps.get(1).children().get(1), steps.get(2).children().get(1));
    }

    @Test
    void theBestPathOfAToyIsFound() {
        int found = 0;
        for (int seed = 0; seed < 20; seed++) {
            Toy toy = new Toy(
                    settings(Method.PUCT, 12, LENGTH, 1, OptionalInt.of(120), OptionalLong.empty(), 2), seed, 1, 0);
            toy.run();
            Node at = toy.search.tree().root();
            while (!at.children().isEmpty()) {
                at = at.children().stream()
                        .max(Comparator.comparingDouble(node -> node.value().orElse(-1)))
                        .orElseThrow();
            }
            found += Arrays.equals(at.path(), Arrays.copyOf(toy.best, at.path().length)) ? 1 : 0;
        }
        // Of 243 paths one is the best; without a search 120 thoughts find it in 2 runs of 5.
        assertThat(found).isGreaterThanOrEqualTo(18);
    }

    @Test
    void equalSettingsGiveEqualTrees() {
        SearchSettings settings = settings(Method.PUCT, 3, 4, 2, OptionalInt.of(60), OptionalLong.empty(), 3);
        Toy one = new Toy(settings, 5, 2, 0.1);
        Toy other = new Toy(settings, 5, 2, 0.1);

        one.run();
        other.run();

        assertThat(other.search.tree().nodes().toString())
                .isEqualTo(one.search.tree().nodes().toString());
    }

    private static SearchSettings settings(
            Method method,
            int width,
            int depth,
            int rollouts,
            OptionalInt simulations,
            OptionalLong tokens,
            int leaves) {
        return new SearchSettings(method, width, width, depth, rollouts, simulations, tokens, 8, leaves, 1, true);
    }

    private static Completion thought(int[] ids, double logProb) {
        float[] logProbs = new float[ids.length];
        Arrays.fill(logProbs, (float) logProb);
        return new Completion(ids, logProbs, false);
    }

    /** Thoughts of five tokens, drawn evenly; their value is how many of the first ones are those of the best path. */
    private static final class Toy {
        private final TreeSearch search;
        private final SearchSettings settings;
        private final int seed;
        private final double failing;
        private final int[] best = new int[LENGTH];
        private final List<int[]> thoughts = new ArrayList<>();
        private final List<OptionalDouble> values = new ArrayList<>();
        private final List<Node> lastNode = new ArrayList<>();
        private final List<Node> grown = new ArrayList<>();
        private int failed;
        private long written;

        Toy(SearchSettings settings, int seed, int step, double failing) {
            this.settings = settings;
            this.seed = seed;
            this.failing = failing;
            search = new TreeSearch(
                    settings, new ThoughtTree(Draw.root(seed), StepBoundary.every(step), settings.depth(), true));
            for (int t = 0; t < LENGTH; t++) {
                best[t] = (int) (TOKENS * Philox.uniform(seed, 1, 0, 0, t));
            }
        }

        void run() {
            List<Node> leaves = search.leaves();
            while (!leaves.isEmpty()) {
                grown.addAll(leaves);
                List<Runnable> valued = new ArrayList<>();
                for (Node leaf : leaves) {
                    for (int i = 0; i < search.width(leaf); i++) {
                        Completion thought = draw(leaf, Draw.thought(leaf.key(), i));
                        valued.add(value(search.drawn(leaf, thought), leaf, thought));
                    }
                }
                for (TreeSearch.Rollout more : search.rollouts()) {
                    Completion thought = draw(more.node(), more.key());
                    valued.add(value(search.wentOn(more.node(), thought), more.node(), thought));
                }
                valued.forEach(Runnable::run);
                leaves = search.leaves();
            }
        }

        private Completion draw(Node from, long key) {
            int[] ids = new int[LENGTH - from.pathLength()];
            for (int t = 0; t < ids.length; t++) {
                ids[t] = (int) (TOKENS * Philox.uniform(key, 0, 0, 0, from.pathLength() + t));
            }
            written += ids.length;
            return thought(ids, Math.log(1.0 / TOKENS));
        }

        private Runnable value(Node last, Node from, Completion thought) {
            int[] whole = Arrays.copyOf(from.path(), LENGTH);
            System.arraycopy(thought.ids(), 0, whole, from.pathLength(), thought.ids().length);
            int number = thoughts.size();
            thoughts.add(whole);
            lastNode.add(last);
            if (Philox.uniform(seed, 2, 0, 0, number) < failing) {
                failed++;
                values.add(OptionalDouble.empty());
                return () -> {};
            }
            int right = 0;
            while (right < LENGTH && whole[right] == best[right]) {
                right++;
            }
            double value = right;
            values.add(OptionalDouble.of(value));
            return () -> search.valued(last, value);
        }

        List<Double> valuesThrough(Node node) {
            List<Double> through = new ArrayList<>();
            for (int i = 0; i < thoughts.size(); i++) {
                Node at = lastNode.get(i);
                while (at != node && at.parent().isPresent()) {
                    at = at.parent().get();
                }
                if (at == node) {
                    values.get(i).ifPresent(through::add);
                }
            }
            return through;
        }
    }
}
