package org.openstrawberry.model.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.VectorModel;

/** Log-probabilities of completions by every family, within the tolerances of the vectors. */
class FamilyLogProbsTest {
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
    void sumsOverCompletionsAreTheReferences(String name) {
        VectorModel model = new VectorModel(name);
        LogProbs logProbs = new LogProbs(model.decoder());
        Weights policy = model.weights(manager);
        Weights reference = model.reference(manager);
        for (String side : List.of("chosen", "rejected")) {
            List<Sequence> sequences = new ArrayList<>();
            for (JsonNode pair : model.at("/dpo/pairs")) {
                sequences.add(new Sequence(Vectors.ids(pair.get("prompt_ids")), Vectors.ids(pair.get(side + "_ids"))));
            }
            assertThat(logProbs.sums(policy, sequences, 8192))
                    .containsExactly(doubles(model.at("/dpo/policy_" + side)), within(2e-4));
            assertThat(logProbs.sums(reference, sequences, 60))
                    .containsExactly(doubles(model.at("/dpo/reference_" + side)), within(2e-4));
        }
    }

    private static double[] doubles(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .mapToDouble(JsonNode::doubleValue)
                .toArray();
    }
}
