package org.openstrawberry.activities.thoughts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.activities.lines.WaveLine;
import org.openstrawberry.activities.thoughts.Forest.Thought;
import org.openstrawberry.activities.thoughts.Forest.Tree;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.generation.Continuations;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.WritingWeights;
import org.openstrawberry.model.tree.ThoughtTree.Node;

/** Trees of the shipped run's base, valued by how many of a thought's tokens are small. */
class ForestTest {
    private static final int LONGEST = 14;

    private final Path folder;
    private final NDManager memory = Torch.start(1, "cpu");
    private final ModelDirectory base;
    private final Tokenizer tokenizer;
    private final WritingWeights weights;

    ForestTest(@TempDir Path folder) {
        this.folder = folder;
        base = ModelDirectory.open(Path.of(
                RunFile.shipped("letter-count", folder, List.of()).model().policy()));
        tokenizer = base.tokenizer();
        weights = new Decoder(base.config()).forWriting(base.load(memory).asMap(), memory);
    }

    @AfterEach
    void close() {
        tokenizer.close();
        memory.close();
    }

    @Test
    void batchesOfOneAndEightGrowEqualTrees() {
        String settings = "{step-tokens: 3, leaves: 2}";
        List<Tree> one = grown(settings, 1, 0).trees();
        List<Tree> eight = grown(settings, 8, 1 << 24).trees();

        for (int i = 0; i < one.size(); i++) {
            List<Node> here = one.get(i).search().tree().nodes();
            List<Node> there = eight.get(i).search().tree().nodes();
            assertThat(there).hasSameSizeAs(here);
            for (int k = 0; k < here.size(); k++) {
                assertThat(there.get(k).tokens()).isEqualTo(here.get(k).tokens());
                assertThat(there.get(k).visits()).isEqualTo(here.get(k).visits());
                assertThat(there.get(k).value().orElseThrow())
                        .isCloseTo(here.get(k).value().orElseThrow(), within(1e-5));
                assertThat(there.get(k).meanLogProb()).isCloseTo(here.get(k).meanLogProb(), within(1e-5));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{search: beam, leaves: 2, step-delimiter: ' '}",
                "{search: best-of-n, width: 3, step-ids: [5, 6, 7, 8]}",
                "{rollouts: 2, temperature-by-depth: [1.5, 0.7], leaves: 3, step-tokens: 2}",
                "{depth: 1}",
                "{root-width: 5, width: 2}",
                "{simulations: 20, prior: uniform, exploration: 0}"
            })
    void everySearchGrowsWholeThoughtsOfSteps(String settings) {
        Forest forest = grown(settings, 16, 1 << 24);

        long written = 0;
        for (Tree tree : forest.trees()) {
            Node root = tree.search().tree().root();
            assertThat(root.visits()).isEqualTo(tree.thoughts().size());
            for (Thought thought : tree.thoughts()) {
                assertThat(thought.ids()).startsWith(thought.last().path()).hasSameSizeAs(thought.logProbs());
                assertThat(thought.ended() || thought.ids().length == LONGEST).isTrue();
            }
            written += tree.search().written();
        }
        assertThat(forest.written()).isEqualTo(written);
    }

    @Test
    void aForestThatTakesInWhatAnotherDrewIsTheSame() {
        List<List<WaveLine>> waves = new ArrayList<>();
        Forest drawn = forest("{step-tokens: 3, rollouts: 2}", 16);
        try (Continuations writer = writer(1 << 24)) {
            while (drawn.select()) {
                waves.add(drawn.draw(writer));
                value(drawn);
            }
        }
        Forest taken = forest("{step-tokens: 3, rollouts: 2}", 16);
        for (List<WaveLine> wave : waves) {
            assertThat(taken.select()).isTrue();
            taken.takeIn(wave);
            value(taken);
        }
        assertThat(taken.select()).isFalse();
        for (int i = 0; i < drawn.trees().size(); i++) {
            assertThat(taken.trees().get(i).search().tree().nodes().toString())
                    .isEqualTo(drawn.trees().get(i).search().tree().nodes().toString());
        }
    }

    @Test
    void aPromptsTreeDoesNotDependOnTheOthers() {
        Forest all = grown("{step-tokens: 3}", 16, 1 << 24);
        Forest alone = forest("{step-tokens: 3}", 16, Map.of(2, tokenizer.encode("b in bubble?")));
        try (Continuations writer = writer(1 << 24)) {
            while (alone.select()) {
                alone.draw(writer);
                value(alone);
            }
        }
        assertThat(alone.trees().get(0).search().tree().nodes().toString())
                .isEqualTo(all.trees().get(2).search().tree().nodes().toString());
    }

    private Forest grown(String settings, int rows, long room) {
        Forest forest = forest(settings, rows);
        try (Continuations writer = writer(room)) {
            while (forest.select()) {
                forest.draw(writer);
                value(forest);
            }
        }
        return forest;
    }

    private Continuations writer(long room) {
        return new Continuations(base.eosIds(), weights, 64, room);
    }

    private static void value(Forest forest) {
        for (Tree tree : forest.trees()) {
            for (Thought thought : tree.newest()) {
                double small = 0;
                for (int id : thought.ids()) {
                    small += id < 20 ? 1 : 0;
                }
                forest.value(tree.prompt(), thought.branch(), small / thought.ids().length);
            }
        }
    }

    private Forest forest(String settings, int rows) {
        Map<Integer, int[]> prompts = new LinkedHashMap<>();
        prompts.put(0, tokenizer.encode("r in strawberry?"));
        prompts.put(1, tokenizer.encode("p in apple?"));
        prompts.put(2, tokenizer.encode("b in bubble?"));
        return forest(settings, rows, prompts);
    }

    private Forest forest(String settings, int rows, Map<Integer, int[]> prompts) {
        SamplingSpec sampling = RunFile.shipped(
                        "letter-count",
                        folder,
                        List.of(
                                "sampling.branching=tree",
                                "sampling.tree=" + settings,
                                "sampling.max-new-tokens=" + LONGEST,
                                "sampling.wave-rows=" + rows))
                .sampling();
        return new Forest(sampling, tokenizer, 7, 1, prompts);
    }
}
