package org.openstrawberry.model.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.Logits;
import org.openstrawberry.model.transformer.TinyModel;

class LogProbsTest {
    private static final double ROUNDING = 2e-5;
    private static final int EOS = 3;

    private final ModelConfig config = TinyModel.config();
    private final Decoder decoder = new Decoder(config);
    private final LogProbs logProbs = new LogProbs(decoder);
    private NDManager manager;
    private Weights weights;

    @BeforeEach
    void start() {
        manager = Torch.start(1, "cpu");
        weights = TinyModel.weights(config, 1, manager);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void paddingAndBatchCompositionDoNotChangeLogProbs() {
        List<Sequence> sequences = sequences(new Random(1), 9);
        double[] together = logProbs.sums(weights, sequences, 10_000);
        double[] inParts = logProbs.sums(weights, sequences, 40);
        for (int i = 0; i < together.length; i++) {
            double alone = logProbs.sums(weights, List.of(sequences.get(i)), 10_000)[0];
            assertThat(together[i]).isCloseTo(alone, within(ROUNDING));
            assertThat(inParts[i]).isCloseTo(alone, within(ROUNDING));
        }
    }

    @Test
    void sameCallTwiceGivesTheSameBits() {
        List<Sequence> sequences = sequences(new Random(2), 9);
        assertThat(logProbs.sums(weights, sequences, 64)).containsExactly(logProbs.sums(weights, sequences, 64));
    }

    @Test
    void everyCompletionTokenIsScoredTheEndTokenIncluded() {
        Sequence sequence = new Sequence(new int[] {1, 2, 4}, new int[] {5, 6, EOS});
        float[] perToken = logProbs.perToken(weights, List.of(sequence), 100)[0];
        float[][] all = distributions(1, 2, 4, 5, 6); // after each token
        assertThat(perToken).containsExactly(new float[] {all[2][5], all[3][6], all[4][EOS]}, within((float) ROUNDING));
        assertThat(logProbs.sums(weights, List.of(sequence), 100)[0])
                .isCloseTo((double) perToken[0] + perToken[1] + perToken[2], within(1e-12));
    }

    @Test
    void aCompletionMayBeTheEndTokenAlone() {
        Sequence sequence = new Sequence(new int[] {7}, new int[] {EOS});
        assertThat(logProbs.sums(weights, List.of(sequence), 100)[0])
                .isCloseTo(distributions(7)[0][EOS], within(ROUNDING));
    }

    @Test
    void noSequencesGiveNoSums() {
        assertThat(logProbs.sums(weights, List.of(), 100)).isEmpty();
    }

    @Test
    void emptyPartsAndForeignTokensAreRefused() {
        assertThatThrownBy(() -> new Sequence(new int[] {1}, new int[0]))
                .hasMessage("prompt and completion must each have at least one token, found 1 and 0");
        assertThatThrownBy(() -> new Sequence(new int[0], new int[] {1})).isInstanceOf(IllegalArgumentException.class);
        List<Sequence> foreign = List.of(new Sequence(new int[] {1}, new int[] {13}));
        assertThatThrownBy(() -> logProbs.sums(weights, foreign, 100))
                .hasMessage("a sequence holds token 13; the model has 0 to 12");
    }

    /** The scores of all tokens would be 1 GiB, and as much again for each thing made of them. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void memoryIsBoundedByAChunkOfTheVocabularysScores() throws IOException {
        ModelConfig wide = TinyModel.config(131_072, 8, 1, 2, 1, 4, 12);
        Decoder wideDecoder = new Decoder(wide);
        Weights many = TinyModel.weights(wide, 1, manager);
        int[] completion = new Random(5).ints(1024, 0, 131_072).toArray();
        PreferencePair pair = new PreferencePair(new int[] {1}, completion, new int[] {7});
        DpoTrainer trainer = new DpoTrainer(wideDecoder);
        trainer.measure(
                many,
                many.copy(manager),
                List.of(new PreferencePair(new int[] {1}, new int[] {2}, new int[] {3})),
                PreferenceObjective.sigmoid(0.1),
                4096);
        Weights other = many.copy(manager);
        Files.writeString(Path.of("/proc/self/clear_refs"), "5"); // the peak starts anew
        long before = peak();
        trainer.measure(many, other, List.of(pair), PreferenceObjective.sigmoid(0.1), 4096);
        assertThat(peak() - before).isLessThan(250L << 20);
    }

    /** Bytes of memory that the process has held at most. */
    private static long peak() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmHWM:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
                .findFirst()
                .orElseThrow();
    }

    static List<Sequence> sequences(Random random, int count) {
        List<Sequence> sequences = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            sequences.add(new Sequence(
                    random.ints(1 + random.nextInt(6), 0, 13).toArray(),
                    random.ints(1 + random.nextInt(9), 0, 13).toArray()));
        }
        return sequences;
    }

    /** log π of every token after each of these. */
    private float[][] distributions(int... ids) {
        float[] all = Logits.of(decoder, weights.asMap(), manager, ids); // [time, vocab]
        int vocab = config.vocabSize();
        float[][] rows = new float[ids.length][];
        for (int t = 0; t < ids.length; t++) {
            float[] logits = Arrays.copyOfRange(all, t * vocab, (t + 1) * vocab);
            double total = 0;
            for (float logit : logits) {
                total += Math.exp(logit);
            }
            for (int v = 0; v < vocab; v++) {
                logits[v] -= (float) Math.log(total);
            }
            rows[t] = logits;
        }
        return rows;
    }
}
