package org.openstrawberry.model.classification;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.safetensors.SafetensorsFile;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.TinyModel;

class ClassifierTest {
    private static final double SCORES = 1e-4;

    private final Path temporary;
    private NDManager manager;

    ClassifierTest(@TempDir Path temporary) {
        this.temporary = temporary;
    }

    static List<String> small() {
        return Vectors.classifiers();
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
    @ValueSource(strings = {"reward_llama", "reward_qwen2"})
    void scoresAreTheReferencesHoweverTheyAreBatched(String name) {
        ModelDirectory directory = ModelDirectory.openClassifier(Vectors.model(name));
        JsonNode vectors = Vectors.json(directory.path().resolve("vectors.json"));
        Weights weights = directory.load(manager);
        Classifier classifier = new Classifier(directory);
        List<int[]> sequences = sequences(vectors);
        double[] expected = doubles(vectors.get("scores_alone"));
        assertThat(classifier.scores(weights, sequences, 1)).containsExactly(expected, within(SCORES));
        assertThat(classifier.scores(weights, sequences, 8192))
                .containsExactly(doubles(vectors.get("scores_right_padded")), within(SCORES))
                .containsExactly(expected, within(SCORES));
        for (int i = 0; i < sequences.size(); i++) {
            assertThat(classifier.scoredPosition(sequences.get(i)))
                    .isEqualTo(vectors.get("scored_position").get(i).intValue());
        }
    }

    @ParameterizedTest
    @MethodSource("small")
    void scoresOfEachFamilyAreTheReferences(String name) {
        Path folder = Vectors.family(name);
        ModelConfig config = ModelConfig.readClassifier(folder.resolve("config.json"));
        Weights weights = Weights.load(folder.resolve("model.safetensors"), manager);
        try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("vectors.safetensors"))) {
            int[] ids = Arrays.stream(file.read("ids", manager).toLongArray())
                    .mapToInt(Math::toIntExact)
                    .toArray();
            List<int[]> rows = List.of(
                    Arrays.copyOfRange(ids, 0, 40), Arrays.copyOfRange(ids, 40, 80), Arrays.copyOfRange(ids, 80, 120));
            float[][] found = new Classifier(new Decoder(config), OptionalInt.of(0)).logits(weights, rows, 8192);
            float[] expected = file.read("logits", manager).toFloatArray();
            for (int row = 0; row < 3; row++) {
                assertThat(found[row])
                        .containsExactly(
                                Arrays.copyOfRange(expected, row * config.labels(), (row + 1) * config.labels()),
                                within((float) SCORES));
            }
        }
    }

    @Test
    void anExportedClassifierScoresTheSame() {
        ModelDirectory directory = ModelDirectory.openClassifier(Vectors.model("reward_llama"));
        Weights weights = directory.load(manager);
        directory.export(temporary.resolve("copy"), weights);
        ModelDirectory copy = ModelDirectory.openClassifier(temporary.resolve("copy"));
        List<int[]> sequences = sequences(Vectors.json(directory.path().resolve("vectors.json")));
        assertThat(new Classifier(copy).scores(copy.load(manager), sequences, 64))
                .containsExactly(new Classifier(directory).scores(weights, sequences, 64));
    }

    @Test
    void languageModelsAndClassifiersAreNotMistakenForEachOther() {
        assertThatThrownBy(() -> ModelDirectory.openClassifier(Vectors.model("llama")))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageContaining("architectures: found [\"LlamaForCausalLM\"], expected one of")
                .hasMessageContaining("\"LlamaForSequenceClassification\"");
        assertThatThrownBy(() -> ModelDirectory.open(Vectors.model("reward_llama")))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageContaining("architectures: found [\"LlamaForSequenceClassification\"]");
        assertThatThrownBy(() -> new Classifier(new Decoder(TinyModel.config()), OptionalInt.empty()))
                .hasMessage("found a LlamaForCausalLM, expected a sequence classifier");
        assertThat(ModelDirectory.openEither(Vectors.model("llama")).config().classifies())
                .isFalse();
        assertThat(ModelDirectory.openEither(Vectors.model("reward_qwen2"))
                        .config()
                        .classifies())
                .isTrue();
    }

    @Test
    void emptyTextsAndUnknownTokensAreTold() {
        ModelDirectory directory = ModelDirectory.openClassifier(Vectors.model("reward_llama"));
        Weights weights = directory.load(manager);
        Classifier classifier = new Classifier(directory);
        assertThatThrownBy(() -> classifier.scores(weights, List.of(new int[0]), 64))
                .hasMessage("a text has no tokens, expected at least one");
        assertThatThrownBy(() -> classifier.scores(weights, List.of(new int[] {384}), 64))
                .hasMessage("a text holds token 384; the model has 0 to 383");
    }

    private static List<int[]> sequences(JsonNode vectors) {
        List<int[]> sequences = new ArrayList<>();
        vectors.get("sequences").forEach(ids -> sequences.add(Vectors.ids(ids)));
        return sequences;
    }

    private static double[] doubles(JsonNode list) {
        double[] values = new double[list.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = list.get(i).doubleValue();
        }
        return values;
    }
}
