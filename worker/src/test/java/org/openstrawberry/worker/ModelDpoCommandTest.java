package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code model dpo} against the reference vectors, and what it says of bad input. */
class ModelDpoCommandTest {
    private static final Path LLAMA = Path.of("../model/src/test/resources/vectors/models/llama")
            .toAbsolutePath()
            .normalize();
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path pairs;
    private final JsonNode vectors;

    ModelDpoCommandTest(@TempDir Path folder) throws IOException {
        pairs = folder.resolve("pairs.jsonl");
        vectors = JSON.readTree(LLAMA.resolve("vectors.json").toFile());
    }

    @BeforeEach
    void writePairs() throws IOException {
        StringBuilder lines = new StringBuilder();
        vectors.at("/dpo/pairs").forEach(pair -> lines.append(pair).append('\n'));
        Files.writeString(pairs, lines);
    }

    static Stream<Arguments> losses() {
        return Stream.of(
                arguments("sigmoid", "--loss sigmoid"),
                arguments("ipo+beta_2", "--loss ipo --beta 2"),
                arguments("exo_pair", "--loss exo_pair --label-smoothing 0.1"),
                arguments("aot", "--loss aot --label-smoothing 0.1"),
                arguments("discopop", "--loss discopop"),
                arguments("sigmoid_norm+alpha_divergence", "--loss sigmoid_norm --f-divergence alpha_divergence"),
                arguments("sigmoid+ld_alpha", "--ld-alpha 0.5"),
                arguments("sigmoid+wpo", "--wpo"),
                arguments("mixture_sigmoid_bco_sft", "--loss [{\"sigmoid\":0.8},{\"bco_pair\":0.2},\"sft\"]"));
    }

    @ParameterizedTest
    @MethodSource("losses")
    void printsWhatTheReferenceComputes(String kind, String options) throws IOException {
        JsonNode expected = vectors.at("/dpo/losses").get(kind);

        Said said = dpo(LLAMA.resolve("reference"), options);

        assertThat(said.err()).isEmpty();
        assertThat(said.code()).isZero();
        JsonNode found = JSON.readTree(said.out());
        assertThat(found.get("loss").doubleValue())
                .isCloseTo(
                        expected.get("mean").doubleValue(),
                        within(1e-4 * Math.max(1, expected.get("mean").doubleValue())));
        for (int i = 0; i < expected.get("alone").size(); i++) {
            assertClose(found.at("/losses/" + i), expected.at("/alone/" + i));
            assertClose(found.at("/rewards_chosen/" + i), expected.at("/rewards_chosen/" + i));
            assertClose(found.at("/rewards_rejected/" + i), expected.at("/rewards_rejected/" + i));
        }
        if (kind.equals("sigmoid")) {
            assertThat(found.get("grad_norm").doubleValue())
                    .isCloseTo(vectors.at("/training/adamw/grad_norms/0").doubleValue(), within(1e-4));
        }
    }

    /** Row 3 of the known bugs. */
    @Test
    void lossIsLn2WhenTheReferenceIsThePolicy() throws IOException {
        JsonNode found = JSON.readTree(dpo(LLAMA, "").out());

        assertThat(found.get("losses")).allMatch(loss -> Math.abs(loss.doubleValue() - Math.log(2)) < 1e-15);
        assertThat(found.get("rewards_chosen")).allMatch(reward -> reward.doubleValue() == 0);
    }

    static Stream<Arguments> mistakes() {
        return Stream.of(
                arguments("", "", ": holds no pairs"),
                arguments(
                        "{\"prompt_ids\": [7]}\n",
                        "",
                        ":1: field \"chosen_ids\": expected a list of at least one token id, found nothing"),
                arguments(
                        "\n{\"prompt_ids\": [7], \"chosen_ids\": [], \"rejected_ids\": [8]}\n",
                        "",
                        ":2: field \"chosen_ids\": expected a list of at least one token id, found an empty list"),
                arguments(
                        "{\"prompt_ids\": [7], \"chosen_ids\": [9999], \"rejected_ids\": [8]}\n",
                        "",
                        ":1: field \"chosen_ids\": expected token ids from 0 to "),
                arguments("{\"prompt_ids\": [7, 1.5], \"chosen_ids\": [9], \"rejected_ids\": [8]}\n", "", "found 1.5"),
                arguments("{}\n", "--label-smoothing 0.1", "--label-smoothing: has no effect on loss sigmoid"),
                arguments("{}\n", "--loss exo_pair", "--label-smoothing: must be > 0 with loss exo_pair, found 0"),
                arguments("{}\n", "--loss kto", "--loss kto: loss: expected sigmoid, hinge"),
                arguments(
                        "{}\n", "--loss bco_pair --f-divergence forward_kl", "--f-divergence: must be reverse_kl with"),
                arguments("{}\n", "--f-divergence kl", "--f-divergence: expected reverse_kl, forward_kl"),
                arguments("{}\n", "--beta 0", "--beta: must be > 0, found 0"));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void badInputIsNamed(String lines, String options, String message) throws IOException {
        Files.writeString(pairs, lines);

        Said said = dpo(LLAMA.resolve("reference"), options);

        assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(said.err()).contains(message).doesNotContain("\tat ");
        assertThat(said.out()).isEmpty();
    }

    @Test
    void aPairBeyondTheModelsPositionsIsNamed() throws IOException {
        String ids = "[" + String.join(",", Collections.nCopies(200, "7")) + "]";
        Files.writeString(pairs, "{\"prompt_ids\": [7], \"chosen_ids\": [8], \"rejected_ids\": " + ids + "}\n");

        assertThat(dpo(LLAMA.resolve("reference"), "").err())
                .contains(":1: prompt and completion have 201 tokens, expected at most 129 by the model's positions");
    }

    @Test
    void aReferenceThatIsNoDirectoryIsNamed() {
        assertThat(dpo(LLAMA.resolve("nowhere"), "").err()).contains("nowhere: no such directory, expected");
    }

    private static void assertClose(JsonNode found, JsonNode expected) {
        double value = expected.doubleValue();
        assertThat(found.doubleValue()).isCloseTo(value, within(1e-4 * Math.max(1, Math.abs(value))));
    }

    private record Said(int code, String out, String err) {}

    private Said dpo(Path reference, String options) {
        List<String> line = new ArrayList<>(List.of("model", "dpo", "--policy", LLAMA.toString()));
        line.addAll(List.of("--reference", reference.toString(), "--pairs", pairs.toString()));
        Arrays.stream(options.split(" ")).filter(word -> !word.isEmpty()).forEach(line::add);
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream saidOut = new ByteArrayOutputStream();
        ByteArrayOutputStream saidErr = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(saidOut, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(saidErr, true, StandardCharsets.UTF_8));
            int code = Main.run(line.toArray(String[]::new));
            return new Said(code, saidOut.toString(StandardCharsets.UTF_8), saidErr.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }
}
