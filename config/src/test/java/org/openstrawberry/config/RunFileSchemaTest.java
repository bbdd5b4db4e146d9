package org.openstrawberry.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.Error;
import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The schema for editors, as a validator that is not ours reads it. */
class RunFileSchemaTest {
    private static final Path RUNS = Path.of("runs");
    private static final String SMALLEST = """
            model: { policy: base/ }
            data: { prompts: train.jsonl }
            reward: { verifier: { kind: numeric } }
            """;
    private static final Schema SCHEMA = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
            .getSchema(RunFileSchema.text());

    /** To mend it: {@code ./strawberry schema > config/runs/run.schema.json}. */
    @Test
    void theShippedSchemaIsThatOfTheRecords() throws IOException {
        assertThat(RUNS.resolve(RunFileSchema.FILE)).content().isEqualTo(RunFileSchema.text());
    }

    @Test
    void everyShippedRunFileIsAcceptedAndNamesItsSchema() throws IOException {
        try (Stream<Path> files = Files.walk(RUNS)) {
            List<Path> runFiles =
                    files.filter(file -> file.toString().endsWith(".yaml")).toList();
            assertThat(runFiles).isNotEmpty().allSatisfy(file -> {
                String text = Files.readString(file);
                assertThat(refusals(text)).as(file.toString()).isEmpty();
                String schema = text.lines().findFirst().orElseThrow().replace("# yaml-language-server: $schema=", "");
                assertThat(file.resolveSibling(schema)).exists();
            });
        }
    }

    /** What a run directory holds: every key, whether it has a value or null. */
    @Test
    void aResolvedRunFileIsAccepted() {
        for (String file : List.of("letter-count.yaml", "letter-count/reward-model.yaml")) {
            RunSpec spec = RunFile.read(RUNS.resolve(file), List.of());

            assertThat(refusals(RunFile.toYaml(spec, RUNS))).as(file).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "dpo: { loss: [{ sigmoid: 1.0 }, { sft: 0.1 }] }",
                "dpo: { loss: [sigmoid, sft] }",
                "warmup: { data: warmup.jsonl, steps: 3 }",
                "warmup: null",
                "health: null",
                "health: { on-unhealthy: rollback, kl-above: null }",
                "until: { wall-time: 90m, plateau: 3 }",
                "optimizer: { learning-rate: 1e-6, schedule: { kind: cosine } }",
            })
    void whatARunFileMayHoldIsAccepted(String added) {
        assertThat(refusals(SMALLEST + added)).isEmpty();
    }

    static Stream<Arguments> rewards() {
        return Stream.of(
                arguments("{ http: { url: 'http://localhost' }, timeout: 3s }", true),
                arguments("{ judge: { kind: pairwise, url: 'http://localhost', model: m } }", true),
                arguments("{ command: { run: [python3, reward.py] } }", true),
                arguments(
                        "{ sum: { parts: { a: { java: { name: x } }, b: { weight: 2, verifier: { kind: exact } } } } }",
                        true),
                arguments("{ verifier: { kind: regex, pattern: a } }", true),
                arguments("{ verifier: { kind: regex } }", false),
                arguments("{ verifier: { kind: regex, pattern: a, trim: true } }", false),
                arguments("{ verifier: { kind: vibes } }", false),
                arguments("{ verifier: {} }", false),
                arguments("{ verifier: { kind: exact }, java: { name: x } }", false),
                arguments("{ sum: { parts: { a: { weight: 1 } } } }", false),
                arguments("{ http: {} }", false),
                arguments("{}", false),
                arguments("null", false));
    }

    @ParameterizedTest
    @MethodSource("rewards")
    void aRewardIsOneKindWithItsKeys(String reward, boolean accepted) {
        String rest = SMALLEST.substring(0, SMALLEST.indexOf("reward"));

        assertThat(refusals(rest + "reward: " + reward).isEmpty()).as(reward).isEqualTo(accepted);
        assertThat(refusals(SMALLEST + "evaluation: { reward: " + reward + " }").isEmpty())
                .as("as a judge: " + reward)
                .isEqualTo(accepted || reward.equals("null"));
    }

    /** All that a record says is wrong about one key by itself; rules that span keys are the program's. */
    @ParameterizedTest
    @MethodSource("org.openstrawberry.config.RunFileErrorsTest#mistakesInTheFile")
    void aMistakeInOneKeyIsRefused(String added, String message) {
        Set<String> spanKeys = Set.of(
                "2 × pairs.per-prompt",
                "at most sampling.prompts",
                "at most sampling.max-new-tokens",
                "branching: tree",
                " with search: ",
                " without search: ",
                "width × rollouts",
                "can't be best with pairs.order",
                "tree.temperature-by-depth: ",
                "process with reward.classifier",
                "needs data.held-out",
                "is for kind",
                "two numbers");
        boolean readable = !message.contains("not valid YAML")
                && !message.contains("stands twice")
                && !message.contains("expected a key")
                && !message.contains("an alias")
                && !message.contains("YAML tag");
        boolean ofOneKey = spanKeys.stream().noneMatch(message::contains);
        boolean ofAText = message.contains(" name: must") || message.contains("wall-time") || message.contains(".inf");
        boolean only = message.contains("the only value of this version, found 1") || message.contains("from -");
        if (readable && ofOneKey && !ofAText && !only) {
            String yaml = added.startsWith("model:")
                    ? added + SMALLEST.substring(SMALLEST.indexOf("data:"))
                    : SMALLEST + added;

            assertThat(refusals(yaml)).as(added).isNotEmpty();
        }
    }

    @Test
    void whatHasNoDefaultMustBeThere() {
        assertThat(refusals("seed: 1")).isNotEmpty();
        assertThat(refusals(SMALLEST.replace("policy: base/", "threads: 1"))).isNotEmpty();
        assertThat(refusals(SMALLEST.replace("prompts: train.jsonl", ""))).isNotEmpty();
    }

    @Test
    void everyKeyHasItsDefaultAndMostAreExplained() throws IOException {
        JsonNode schema = new ObjectMapper().readTree(RunFileSchema.text());
        JsonNode sampling = schema.at("/properties/sampling/properties");

        assertThat(sampling.at("/branches/default").asInt()).isEqualTo(4);
        assertThat(sampling.at("/branches/minimum").asInt()).isEqualTo(2);
        assertThat(sampling.at("/branches/description").asText()).isEqualTo("B: thoughts a prompt");
        assertThat(sampling.at("/top-p/maximum").asInt()).isEqualTo(1);
        assertThat(schema.at("/properties/dpo/properties/beta/exclusiveMinimum").asInt(-1))
                .isZero();
        assertThat(schema.at("/properties/model/properties/policy/description").asText())
                .isEqualTo("the path of a Hugging Face model directory");
    }

    private static List<Error> refusals(String yaml) {
        return SCHEMA.validate(
                YamlReader.file(yaml, "run.yaml", Place.Layer.FILE).json().toString(), InputFormat.JSON);
    }
}
