package org.openstrawberry.model.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.generation.Continuations.Continuation;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.Logits;
import org.openstrawberry.model.transformer.Precision;
import org.openstrawberry.model.transformer.TextCache.Text;
import org.openstrawberry.model.transformer.TinyModel;
import org.openstrawberry.model.transformer.VectorModel;
import org.openstrawberry.model.transformer.WritingWeights;

class ContinuationsTest {
    private static final SamplingSettings SAMPLED = new SamplingSettings(1, 0, 1, 0, 12);
    private static final int EOS = 3;

    private NDManager manager;

    static List<String> models() {
        return Vectors.languageModels();
    }

    @BeforeEach
    void start() {
        manager = Torch.start(1, "cpu");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @MethodSource("models")
    void greedyContinuationsOfPromptsInPiecesAreTheReferences(String name) {
        VectorModel model = new VectorModel(name);
        var cases = model.at("/greedy");
        try (Continuations writer = new Continuations(
                Set.of(), model.decoder().forWriting(model.weights(manager).asMap(), manager), 128, 0)) {
            List<Continuation> thoughts = new ArrayList<>();
            List<int[]> expected = new ArrayList<>();
            for (int i = 0; i < cases.size(); i++) {
                int[] prompt = Vectors.ids(cases.at("/" + i + "/prompt"));
                int[] completion = Vectors.ids(cases.at("/" + i + "/completion"));
                Text text = Text.of(prompt);
                for (int cut : new int[] {0, 3, 7}) {
                    Text from = cut == 0
                            ? text
                            : text.then(Arrays.copyOf(completion, 2)).then(Arrays.copyOfRange(completion, 2, cut));
                    thoughts.add(new Continuation(from, 0, 0, 0, cut, completion.length - cut));
                    expected.add(Arrays.copyOfRange(completion, cut, completion.length));
                }
            }
            // The reference never chooses an end token, nor does a writer that knows none.
            List<Completion> written = writer.write(thoughts, SamplingSettings.greedy(24), 64);
            for (int i = 0; i < written.size(); i++) {
                int[] all = written.get(i).ids();
                int[] eos = Vectors.ids(model.at("/eos_ids"));
                boolean unending =
                        IntStream.of(all).noneMatch(id -> IntStream.of(eos).anyMatch(e -> e == id));
                if (unending) {
                    assertThat(all).containsExactly(expected.get(i));
                }
            }
        }
    }

    @Test
    void logProbsAreThoseOfOnePassOverTheWholeText() {
        Tiny tiny = new Tiny(1);
        int[] prompt = {1, 2, 4, 5};
        int[] step = {6, 7, 8};
        try (Continuations writer = tiny.writer(1 << 20)) {
            Completion written = writer.write(
                            List.of(new Continuation(Text.of(prompt).then(step), 9, 1, 2, 3, 6)), SAMPLED, 8)
                    .get(0);
            int[] whole = concatenated(prompt, step, written.ids());
            for (int t = 0; t < written.ids().length; t++) {
                float[] logits = Logits.last(
                        tiny.decoder,
                        tiny.weights.asMap(),
                        manager,
                        Arrays.copyOf(whole, prompt.length + step.length + t));
                double sum = 0;
                for (float logit : logits) {
                    sum += Math.exp(logit);
                }
                assertThat(written.logProbs()[t])
                        .isCloseTo((float) (logits[written.ids()[t]] - Math.log(sum)), within(1e-5f));
            }
        }
    }

    @Test
    void whatIsWrittenDoesNotDependOnTheBatch() {
        Tiny tiny = new Tiny(2);
        try (Continuations one = tiny.writer(1 << 20);
                Continuations eight = tiny.writer(1 << 20)) {
            List<Completion> alone = one.write(many(tiny), SAMPLED, 1);
            List<Completion> together = eight.write(many(tiny), SAMPLED, 8);
            for (int i = 0; i < alone.size(); i++) {
                assertThat(together.get(i).ids()).isEqualTo(alone.get(i).ids());
                assertThat(together.get(i).logProbs())
                        .containsExactly(alone.get(i).logProbs(), within(1e-5f));
            }
        }
    }

    @Test
    void roomChangesNoBit() {
        Tiny tiny = new Tiny(3);
        try (Continuations wide = tiny.writer(1 << 24);
                Continuations none = tiny.writer(0)) {
            assertThat(none.write(many(tiny), SAMPLED, 4)).isEqualTo(wide.write(many(tiny), SAMPLED, 4));
            assertThat(none.read()).isGreaterThanOrEqualTo(wide.read());
        }
    }

    @Test
    void whatIsSharedIsReadOnce() {
        Tiny tiny = new Tiny(4);
        Text prompt = Text.of(new int[] {1, 2, 4});
        Text left = prompt.then(new int[] {5, 6});
        Text right = prompt.then(new int[] {7});
        try (Continuations writer = tiny.writer(1 << 20)) {
            writer.write(List.of(on(left, 1), on(left, 2), on(right, 3)), SAMPLED, 2);
            writer.write(List.of(on(prompt, 1), on(right, 2)), SAMPLED, 2);
            assertThat(writer.read()).isEqualTo(3 + 2 + 1);
        }
    }

    @Test
    void aThoughtIsAFunctionOfItsKeyAndPlace() {
        Tiny tiny = new Tiny(5);
        Text prompt = Text.of(new int[] {1, 2, 4});
        try (Continuations writer = tiny.writer(1 << 20)) {
            Completion whole = writer.write(List.of(on(prompt, 7)), SAMPLED, 4).get(0);
            int[] beginning = Arrays.copyOf(whole.ids(), 2);
            Completion rest = writer.write(
                            List.of(new Continuation(prompt.then(beginning), 7, 1, 0, 2, 10)), SAMPLED, 4)
                    .get(0);
            assertThat(rest.ids()).isEqualTo(Arrays.copyOfRange(whole.ids(), 2, whole.ids().length));
            assertThat(writer.write(List.of(on(prompt, 8)), SAMPLED, 4).get(0)).isNotEqualTo(whole);
        }
    }

    @Test
    void noThoughtIsLongerThanItMayBeAndOneThatEndedSaysSo() {
        Tiny tiny = new Tiny(6);
        try (Continuations writer = tiny.writer(1 << 20)) {
            List<Continuation> thoughts = many(tiny);
            List<Completion> written = writer.write(thoughts, SAMPLED, 16);
            for (int i = 0; i < written.size(); i++) {
                int[] ids = written.get(i).ids();
                assertThat(ids.length).isLessThanOrEqualTo(thoughts.get(i).most());
                assertThat(written.get(i).ended()).isEqualTo(ids[ids.length - 1] == EOS);
                assertThat(written.get(i).ended()
                                || ids.length == thoughts.get(i).most())
                        .isTrue();
            }
        }
    }

    @Test
    void thoughtsThatShareTheirTextAreThoseOfACopy() {
        Tiny tiny = new Tiny(8);
        Text prompt = Text.of(IntStream.range(0, 40).map(i -> 4 + i * i % 9).toArray());
        Text longer = prompt.then(new int[] {5, 6, 7});
        List<Continuation> thoughts = IntStream.range(0, 2400)
                .mapToObj(key -> on(key % 3 == 0 ? longer : prompt, key))
                .toList();
        try (Continuations writer = tiny.writer(1 << 20)) {
            List<Completion> sharing = writer.write(thoughts, SAMPLED, thoughts.size());
            List<Completion> copied = writer.write(thoughts.subList(0, 12), SAMPLED, 12);
            for (int i = 0; i < copied.size(); i++) {
                assertThat(sharing.get(i).ids()).isEqualTo(copied.get(i).ids());
                assertThat(sharing.get(i).logProbs())
                        .containsExactly(copied.get(i).logProbs(), within(1e-5f));
            }
        }
    }

    @Test
    void bfloat16GoesOnAsOneReadInOnePieceDoes() {
        Tiny tiny = new Tiny(7, Precision.BFLOAT16);
        int[] prompt = {1, 2, 4, 5, 6};
        try (Continuations writer = tiny.writer(1 << 20)) {
            List<Completion> written = writer.write(
                    List.of(
                            on(Text.of(prompt), 3),
                            on(Text.of(Arrays.copyOf(prompt, 2)).then(new int[] {4, 5, 6}), 3)),
                    SAMPLED,
                    2);
            assertThat(written.get(1).ids()).isEqualTo(written.get(0).ids());
            assertThat(written.get(1).logProbs()).containsExactly(written.get(0).logProbs(), within(0.05f));
        }
    }

    private static Continuation on(Text from, long key) {
        return new Continuation(from, key, 1, 0, 0, 12);
    }

    private static List<Continuation> many(Tiny tiny) {
        Text first = Text.of(new int[] {1, 2, 4});
        Text second = Text.of(new int[] {5, 6, 7, 8, 9});
        List<Continuation> thoughts = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            Text base = i % 3 == 0 ? first : second;
            Text from = i % 2 == 0 ? base : base.then(new int[] {4 + i % 5, 8});
            thoughts.add(new Continuation(from, i, 3, i / 4, i % 2 * 2, 12 - i % 2 * 2));
        }
        return thoughts;
    }

    private static int[] concatenated(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
    }

    private final class Tiny {
        private final Decoder decoder;
        private final Weights weights;

        Tiny(long seed) {
            this(seed, Precision.FLOAT32);
        }

        Tiny(long seed, Precision precision) {
            ModelConfig config = TinyModel.config();
            decoder = new Decoder(config, precision);
            weights = TinyModel.weights(config, seed, manager);
        }

        Continuations writer(long room) {
            WritingWeights prepared = decoder.forWriting(weights.asMap(), manager);
            return new Continuations(Set.of(EOS), prepared, 64, room);
        }
    }
}
