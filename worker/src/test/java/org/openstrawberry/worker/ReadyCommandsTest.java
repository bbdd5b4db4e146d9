package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunFileSchema;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** What there is to do before a run. */
class ReadyCommandsTest {
    private static final long PARAMETERS = 106_432;

    private final Path folder;
    private final TinyRun run;

    ReadyCommandsTest(@TempDir Path folder) {
        this.folder = folder;
        run = new TinyRun(folder);
    }

    @Test
    void theSchemaIsPrinted() {
        assertThat(Said.by(List.of("schema")).out()).isEqualTo(RunFileSchema.text());
    }

    @Test
    void aSoundRunFileIsSaidToBeValidAndABrokenOneIsNamedByItsPlace() throws IOException {
        Said sound = said("validate", run.file().toString(), "--set", "warmup=null");
        assertThat(sound.code()).isZero();
        assertThat(sound.out()).startsWith(run.file() + ": valid: run letter-count, 106432 parameters, ");

        Said option = said("validate", run.file().toString(), "--set", "dpo.beta=0");
        assertThat(option.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(option.err())
                .startsWith("--set dpo.beta=0: dpo.beta: must be > 0")
                .hasLineCount(1);

        String text = Files.readString(run.file());
        Files.writeString(run.file(), text.replace("beta: 0.1", "betta: 0.1"));
        Said place = said("validate", run.file().toString());
        assertThat(place.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(place.err())
                .matches("(?s).*letter-count\\.yaml:\\d+:3: dpo\\.betta: unknown key; did you mean dpo\\.beta\\?\\R");
        Files.writeString(run.file(), text);

        Said data = said("validate", run.file().toString(), "--set", "data.prompts=nowhere.jsonl");
        assertThat(data.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(data.err()).contains("nowhere.jsonl").hasLineCount(1);
        assertThat(folder.resolve("runs")).doesNotExist();
    }

    @Test
    void settingsThatArePrintedAreARunFileThatReadsTheSame() throws IOException {
        String changed = "dpo.beta=0.3";
        Said said = said("validate", run.file().toString(), "--set", changed, "--settings");

        assertThat(said.code()).isZero();
        assertThat(said.err()).isEmpty();
        Path printed = Files.writeString(folder.resolve("printed.yaml"), said.out());
        assertThat(RunFile.read(printed, List.of())).isEqualTo(RunFile.read(run.file(), List.of(changed)));
    }

    @Test
    void aRunDirectoryInTheRunFilesPlaceIsToldWithTheCommandThatGoesOn() throws IOException {
        Path directory = Files.createDirectories(run.directory("there"));
        Files.writeString(directory.resolve("run.yaml"), "");

        Said said = said("train", directory.toString());
        assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(said.err())
                .isEqualTo(directory + ": is a run directory, expected a run file; " + directory.resolve("run.yaml")
                        + " --run-dir " + directory + " goes on with it\n");
    }

    @Test
    void aDeviceThatIsNotThereIsToldBeforeAnyWork() throws IOException {
        List<String> arguments = new ArrayList<>(run.train("run", "model.device=cuda:99"));

        Said said = Said.by(arguments);
        assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(said.err()).startsWith("model.device: found \"cuda:99\"").hasLineCount(1);
        assertThat(run.directory("run").resolve("run.yaml")).doesNotExist();
    }

    @Test
    void aPlanCountsWhatThereIs() throws IOException {
        JsonNode plan = plan("--no-probe", "--json");

        assertThat(plan.path("parameters").asLong()).isEqualTo(PARAMETERS);
        assertThat(plan.path("trained").asLong()).isEqualTo(PARAMETERS);
        JsonNode memory = plan.path("memory");
        assertThat(memory.path("policy").asLong()).isEqualTo(4 * PARAMETERS);
        assertThat(memory.path("reference").asLong()).isEqualTo(4 * PARAMETERS);
        assertThat(memory.path("optimizer").asLong()).isEqualTo(8 * PARAMETERS);
        assertThat(memory.path("KV cache").asLong()).isPositive();
        assertThat(memory.path("activations").asLong()).isPositive();
        assertThat(plan.path("machine").path("memory").asLong())
                .isGreaterThan(plan.path("machine").path("available").asLong());
        assertThat(plan.path("thoughts").asInt()).isEqualTo(36);
        assertThat(plan.path("thought_tokens").asInt()).isEqualTo(36 * 12);
        assertThat(plan.path("time").isNull()).isTrue();
        assertThat(plan.path("prompts")).hasSize(3);
        assertThat(plan.path("prompts").get(0).path("text").asText()).matches("\\w in \\w+\\?");
        assertThat(run.directory("planned")).doesNotExist();
    }

    @Test
    void adaptersNeedLess() throws IOException {
        JsonNode plan = plan("--no-probe", "--json", "--set", "model.lora={rank: 2}");

        assertThat(plan.path("trained").asLong()).isPositive().isLessThan(PARAMETERS / 4);
        assertThat(plan.path("memory").path("optimizer").asLong())
                .isEqualTo(8 * plan.path("trained").asLong());
    }

    @Test
    void aProbeTellsTheTimeAndWhatThePolicyWrites() throws IOException {
        Said said = Said.by(arguments());

        assertThat(said.err()).isEmpty();
        assertThat(said.code()).isZero();
        assertThat(said.out())
                .matches("(?s)time +\\d[^:]*, without what the reward takes: \\d[^,\n]* an iteration\\R"
                        + "memory +\\d.* at most, of \\d.*\\Rdisk +\\d.*\\Ran iteration +36 thoughts of .*")
                .containsPattern("speed +\\d.* tokens a second written")
                .containsPattern("parameters +106,432, of which 106,432 are trained")
                .containsPattern("\\| \\w in \\w+\\?\\R\\+ ")
                .as("settings are another command's")
                .doesNotContain("learning-rate");
    }

    /** Files are as large as the plan said, within what lengths make of it. */
    @Test
    void theArtifactsOfAnIterationTakeAboutWhatThePlanSays() throws IOException {
        long planned = plan("--no-probe", "--json").path("disk_an_iteration").asLong();
        assertThat(Said.by(run.train("run", "until.iterations=2", "warmup=null"))
                        .code())
                .isZero();

        long found = 0;
        try (var files = Files.walk(run.directory("run").resolve("iterations/000001"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                found += Files.size(file);
            }
        }
        assertThat((double) found / planned).isBetween(0.4, 2.5);
    }

    @Test
    void answersBecomeARunFileThatLoads() throws IOException {
        Path file = folder.resolve("mine.yaml");
        Said said = answering("letter-count/base\n\"odd\" name.jsonl\nregex\n\\d+ \"x\"\n0\n", "init", file.toString());

        assertThat(said.code()).isZero();
        assertThat(said.out()).contains("Directory of the model").contains("Wrote " + file);
        RunSpec spec = RunFile.read(file, List.of());
        assertThat(spec.name()).isEqualTo("mine");
        assertThat(spec.model().policy())
                .isEqualTo(folder.resolve("letter-count/base").toString());
        assertThat(spec.data().prompts())
                .isEqualTo(folder.resolve("\"odd\" name.jsonl").toString());
        assertThat(spec.data().holdsOut()).isFalse();
        assertThat(spec.reward().verifier()).hasToString("Optional[Regex[pattern=\\d+ \"x\", requireEos=false]]");
        assertThat(folder.resolve(RunFileSchema.FILE)).content().isEqualTo(RunFileSchema.text());
        assertThat(Files.readString(file)).startsWith("# yaml-language-server: $schema=run.schema.json\n");
    }

    @Test
    void optionsAreAnswersAndWhatIsWrittenIsValid() throws IOException {
        Path file = folder.resolve("mine.yaml");
        Said said = said(
                "init",
                file.toString(),
                "--model",
                "letter-count/base",
                "--prompts",
                "letter-count/train.jsonl",
                "--reward",
                "numeric",
                "--reward-by",
                "answer",
                "--held-out",
                "0.1");

        assertThat(said.out()).doesNotContain("Directory of the model");
        // The demo's model has no positions for the 128 tokens that are usual.
        assertThat(said("validate", file.toString(), "--set", "sampling.max-new-tokens=32")
                        .code())
                .isZero();
    }

    @Test
    void everyKindOfRewardLoads() {
        for (String kind : List.of("numeric", "exact", "choice", "regex", "command", "http", "classifier")) {
            Path file = folder.resolve(kind + ".yaml");

            assertThat(answering("\n\n" + kind + "\n", "init", file.toString()).code())
                    .as(kind)
                    .isZero();
            assertThat(RunFile.read(file, List.of()).data().heldOutFraction())
                    .as(kind)
                    .contains(0.1);
        }
    }

    @Test
    void aBadAnswerWritesNothing() throws IOException {
        Path file = folder.resolve("mine.yaml");
        assertThat(answering("m\np\nvibes\n", "init", file.toString()).err()).contains("expected one of choice,");
        assertThat(answering("m\np\nregex\n(\n0.1\n", "init", file.toString()).err())
                .contains("mine.yaml:")
                .contains("must be a regular expression");
        assertThat(answering("m\np\n\n\nmany\n", "init", file.toString()).err()).contains("held-out");
        assertThat(file).doesNotExist();

        Files.writeString(file, "mine");
        Said there = said("init", file.toString());
        assertThat(there.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(there.err()).contains("exists already");
        assertThat(file).hasContent("mine");
    }

    private JsonNode plan(String... options) throws IOException {
        Said said = Said.by(arguments(options));
        assertThat(said.err()).isEmpty();
        return new ObjectMapper().readTree(said.out());
    }

    private List<String> arguments(String... options) {
        List<String> arguments = new ArrayList<>(List.of("plan", run.file().toString()));
        arguments.addAll(List.of("--run-dir", run.directory("planned").toString()));
        run.settings("warmup=null").forEach(setting -> {
            if (!setting.startsWith("warmup.")) {
                arguments.addAll(List.of("--set", setting));
            }
        });
        arguments.addAll(List.of(options));
        return arguments;
    }

    private static Said said(String... arguments) {
        return Said.by(List.of(arguments));
    }

    private static Said answering(String answers, String... arguments) {
        InputStream in = System.in;
        System.setIn(new ByteArrayInputStream(answers.getBytes(StandardCharsets.UTF_8)));
        try {
            return Said.by(List.of(arguments));
        } finally {
            System.setIn(in);
        }
    }
}
