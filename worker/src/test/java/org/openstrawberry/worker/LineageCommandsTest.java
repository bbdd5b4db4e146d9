package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** Where a pair came from, whether a run directory is whole, and what it can do without. */
class LineageCommandsTest {
    private static Path shared = Path.of("");

    private final Path folder;

    LineageCommandsTest(@TempDir Path folder) {
        this.folder = folder;
    }

    /** Waves of one prompt, so that a shard has several. */
    @BeforeAll
    static void train(@TempDir Path directory) {
        shared = directory;
        Said said = Said.by(new TinyRun(directory)
                .train(
                        "run",
                        "sampling.wave-rows=6",
                        "checkpoints.every=1",
                        "checkpoints.keep-last=9",
                        "reward.verifier=null",
                        "reward={sum: {parts: {"
                                + "digit: {weight: 2, verifier: {kind: regex, pattern: '[1=]'}},"
                                + "short: {weight: 1, verifier: {kind: length, unit: tokens, to: 8, falloff: 8}}}}}"));
        assertThat(said.err()).isEmpty();
        assertThat(said.code()).isZero();
    }

    @Test
    void aPairTellsWhereItCameFrom() throws IOException {
        JsonNode pair = firstPair(4);

        Said said = command(
                "inspect",
                shared.resolve("run"),
                "--iteration",
                "4",
                "--prompt",
                pair.path("prompt_number").asText());

        assertThat(said.err()).isEmpty();
        assertThat(said.code()).isZero();
        String checkpoint = Hashes.sha256(shared.resolve("run/checkpoints/000003/policy.safetensors"));
        assertThat(said.out())
                .contains("seed       7;")
                .contains(pair.path("prompt").asText())
                .contains("weights    those after iteration 3: checkpoint 3")
                .contains(checkpoint + "  checkpoints/000003/policy.safetensors")
                .contains("branch " + pair.path("chosen_branch").asInt() + ", chosen in pair 1, rank 1")
                .contains("reward  " + pair.path("chosen_reward").asDouble())
                .contains("digit  ", "short  ")
                .contains("branch " + pair.path("rejected_branch").asInt() + ", rejected in pair 1");
    }

    @Test
    void weightsWithoutACheckpointAreNamedByTheStepsThatLeadToThem() throws IOException {
        Path run = copy();
        dropCheckpoints(run);

        Said said = command("inspect", run, "--iteration", "4", "--prompt", "0", "--branch", "2", "--json");

        JsonNode weights =
                new ObjectMapper().readTree(said.out()).path("lineage").path("weights");
        assertThat(weights.path("checkpoint").asInt()).isZero();
        List<String> steps = new ArrayList<>();
        weights.path("steps").fieldNames().forEachRemaining(steps::add);
        assertThat(steps)
                .containsExactly(
                        "iterations/000001/pairs.jsonl",
                        "iterations/000001/step.json",
                        "iterations/000002/pairs.jsonl",
                        "iterations/000002/step.json",
                        "iterations/000003/pairs.jsonl",
                        "iterations/000003/step.json");
    }

    @Test
    void theJsonOfAPairHasTheLogProbsOfItsTokens() throws IOException {
        Path run = copy();
        JsonNode pair = new ObjectMapper()
                .readTree(Files.readAllLines(run.resolve("iterations/000004/pairs.jsonl"))
                        .get(0));

        Said said = command(
                "inspect",
                run,
                "--iteration",
                "4",
                "--prompt",
                pair.path("prompt_number").asText(),
                "--pair",
                "1",
                "--json");

        JsonNode thoughts = new ObjectMapper().readTree(said.out()).at("/lineage/thoughts");
        assertThat(thoughts).hasSize(2);
        for (JsonNode thought : thoughts) {
            int tokens = thought.path("tokens").asInt();
            for (String kind : List.of("ids", "sampled", "policy", "reference")) {
                assertThat(thought.path("logProbs").path(kind)).as(kind).hasSize(tokens);
            }
        }
    }

    @Test
    void stepsOfEarlierVersionsHaveNoLogProbsOfTokens() throws IOException {
        Path run = copy();
        ObjectMapper json = new ObjectMapper();
        Path step = run.resolve("iterations/000004/step.json");
        ObjectNode old = (ObjectNode) json.readTree(step.toFile());
        old.remove("tokens");
        Files.delete(step);
        json.writeValue(step.toFile(), old);
        JsonNode pair = json.readTree(
                Files.readAllLines(run.resolve("iterations/000004/pairs.jsonl")).get(0));

        Said said = command(
                "inspect",
                run,
                "--iteration",
                "4",
                "--prompt",
                pair.path("prompt_number").asText(),
                "--json");

        assertThat(said.code()).isZero();
        assertThat(json.readTree(said.out())
                        .at("/lineage/thoughts/0/logProbs/policy")
                        .isMissingNode())
                .isTrue();
    }

    @Test
    void aReplayedWaveIsTheSame() throws IOException {
        Path run = copy();
        dropCheckpoints(run);
        List<String> before = everything(run);

        for (String prompt : List.of("0", "2", "5")) {
            Said said = command("inspect", run, "--iteration", "4", "--prompt", prompt, "--branch", "1", "--replay");

            assertThat(said.err()).isEmpty();
            assertThat(said.code()).isZero();
            // With the weights that the checkpoint of then would have.
            assertThat(said.out())
                    .contains("replayed   the wave of prompts " + prompt + " to " + prompt + ": 6 thoughts")
                    .contains(Hashes.sha256(shared.resolve("run/checkpoints/000003/policy.safetensors")))
                    .contains("the same, token by token");
        }
        assertThat(everything(run)).isEqualTo(before);
    }

    @Test
    void aReplayThatDiffersSaysWhere() throws IOException {
        Path run = copy();
        Path thoughts = run.resolve("iterations/000002/thoughts-00.jsonl");
        String text = Files.readString(thoughts);
        String first = text.lines().findFirst().orElseThrow();
        int id = new ObjectMapper().readTree(first).path("ids").get(0).asInt();
        Files.writeString(thoughts, text.replaceFirst("\"ids\":\\[" + id, "\"ids\":[" + (id + 1)));

        Said said = command("inspect", run, "--iteration", "2", "--prompt", "0", "--branch", "0", "--replay");

        assertThat(said.code()).isEqualTo(Main.FAILED);
        assertThat(said.out())
                .contains("prompt 0, branch 0: token 0 is " + id + ", stored is " + (id + 1))
                .contains("not the same");
    }

    @Test
    void aReplayFromADamagedLogNamesTheFile() throws IOException {
        Path run = copy();
        dropCheckpoints(run);
        flip(run.resolve("iterations/000002/pairs.jsonl"), 10);

        Said said = command("inspect", run, "--iteration", "4", "--prompt", "0", "--branch", "0", "--replay");

        assertThat(said.code()).isEqualTo(Main.FAILED);
        assertThat(said.err())
                .contains("iterations/000002/pairs.jsonl: SHA-256 is")
                .hasLineCount(1);
        assertThat(run.resolve("iterations/000002/pairs.jsonl")).exists();
    }

    @Test
    void whatIsNotThereIsRefusedInOneLine() {
        Path run = shared.resolve("run");
        assertRefused(command("inspect", run, "--iteration", "4", "--prompt", "6", "--branch", "0"), "expected 0 to 5");
        assertRefused(
                command("inspect", run, "--iteration", "4", "--prompt", "0", "--branch", "6"), "--branch: found 6");
        assertRefused(command("inspect", run, "--iteration", "4", "--replay"), "need --prompt");
        assertRefused(
                command("inspect", run, "--iteration", "4", "--prompt", "0", "--branch", "1", "--pair", "1"),
                "expected one of them");
        assertRefused(command("verify", folder), "not a run directory");
        assertRefused(command("du", folder), "not a run directory");
        assertRefused(command("gc", folder), "not a run directory");
        assertRefused(command("gc", run, "--keep-last", "0"), "--keep-last: found 0, expected at least 1");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void aRunThatIsNotOverIsNotPacked() throws IOException {
        Path run = copy();
        Files.delete(run.resolve("result.json"));
        Files.delete(run.resolve("iterations/000003/iteration.json")); // as while it is written

        assertRefused(command("export", run), "the run has no policy yet; expected one that is over");
    }

    @Test
    void aSoundRunIsVerified() {
        Said said = command("verify", shared.resolve("run"));

        assertThat(said.err()).isEmpty();
        assertThat(said.code()).isZero();
        assertThat(said.out()).endsWith("all as recorded\n");
    }

    /** One bit of each file, in the middle; those that tell of others one by one, since they are needed to check the others. */
    @Test
    void everyFileThatWasTouchedIsNamed() throws IOException {
        Path run = copy();
        List<Path> files;
        try (Stream<Path> all = Files.walk(run)) {
            files = all.filter(Files::isRegularFile)
                    // told to people only
                    .filter(
                            file -> !run.relativize(file)
                                    .toString()
                                    .matches(
                                            "log|\\.lock|events\\.jsonl|report\\.html|tensorboard/.*|data\\.json|policy/config\\.json"))
                    .toList();
        }
        List<Path> tellers = files.stream()
                .filter(file -> run.relativize(file)
                        .toString()
                        .matches("run.*|inputs.json|result.json|metrics.jsonl|.*/000000/state.json|.*/000003/.*sha256"))
                .toList();
        assertThat(tellers).hasSizeGreaterThan(8);
        for (Path file : tellers) {
            byte[] sound = Files.readAllBytes(file);
            flip(file, sound.length / 2);
            assertNamed(run, List.of(file), command("verify", run));
            Files.write(file, sound);
        }
        assertThat(command("verify", run).code()).isZero();

        List<Path> others = files.stream()
                .filter(file -> !tellers.contains(file))
                .filter(file -> !file.toString().matches(".*(\\.sha256|/state\\.json)"))
                .toList();
        for (Path file : others) {
            flip(file, (int) Files.size(file) / 2);
        }
        assertNamed(run, others, command("verify", run));
    }

    private static void assertNamed(Path run, List<Path> files, Said said) {
        assertThat(said.code()).isEqualTo(Main.FAILED);
        for (Path file : files) {
            String name = run.relativize(file).toString();
            assertThat(said.err())
                    .contains(
                            name.replaceFirst("\\.sha256$", "").replaceFirst("^policy/model.*", "policy: the weights"));
        }
    }

    @Test
    void aFileThatIsGoneIsNamed() throws IOException {
        Path run = copy();
        Files.delete(run.resolve("iterations/000003/step.json"));
        Files.delete(run.resolve("iterations/000005/iteration.json.sha256"));
        Files.delete(run.resolve("checkpoints/000000/policy.safetensors"));

        Said said = command("verify", run, "--json");

        assertThat(said.code()).isEqualTo(Main.FAILED);
        List<String> faults = new ArrayList<>();
        new ObjectMapper().readTree(said.out()).path("faults").forEach(fault -> faults.add(fault.asText()));
        assertThat(faults)
                .anyMatch(fault -> fault.contains("iterations/000003/step.json: missing"))
                .anyMatch(fault -> fault.contains("iterations/000005/iteration.json.sha256: missing"))
                .anyMatch(fault -> fault.contains("checkpoints/000000/policy.safetensors: missing"));
    }

    @Test
    void whatIsNotNeededIsFreedAndTheRunGoesOn() throws IOException {
        TinyRun tiny = new TinyRun(folder);
        Path run = tiny.directory("run");
        assertThat(Said.by(tiny.train("run", "until.iterations=5", "checkpoints.every=1"))
                        .code())
                .isZero();
        Files.createDirectories(run.resolve("checkpoints/000009.invalid-1"));
        Files.writeString(run.resolve("iterations/000001/.pairs.jsonl.0.tmp"), "half");

        Said would = command("gc", run, "--keep-last", "1", "--thoughts", "--dry-run");
        assertThat(would.out())
                .contains("iterations/000001/thoughts-00.jsonl", "checkpoints/000009.invalid-1", "would free");
        assertThat(run.resolve("checkpoints/000009.invalid-1")).exists();

        Said freed = command("gc", run, "--keep-last", "1", "--thoughts");

        assertThat(freed.code()).isZero();
        assertThat(freed.out()).contains("checkpoints/000004", "freed ");
        assertThat(run.resolve("checkpoints/000009.invalid-1")).doesNotExist();
        assertThat(run.resolve("iterations/000001/.pairs.jsonl.0.tmp")).doesNotExist();
        assertThat(run.resolve("iterations/000001/thoughts-00.jsonl")).doesNotExist();
        assertThat(command("verify", run).code()).isZero();
        assertThat(command("gc", run, "--keep-last", "1", "--thoughts").out()).isEqualTo("freed 0 B\n");
        assertThat(Said.by(tiny.train("run", "checkpoints.every=1")).code()).isZero();
        assertThat(tiny.outcome("run")).isEqualTo(TinyRun.undisturbed());
    }

    @Test
    void allSpaceIsAccountedFor() throws IOException {
        Path run = shared.resolve("run");
        Said said = command("du", run, "--json");

        long bytes = 0;
        try (Stream<Path> all = Files.walk(run)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                bytes += Files.size(file);
            }
        }
        JsonNode use = new ObjectMapper().readTree(said.out());
        assertThat(use.path("whole").path("bytes").asLong()).isEqualTo(bytes);
        assertThat(use.path("parts").findValuesAsText("kind"))
                .contains("checkpoints", "thoughts", "scores", "pairs", "policy", "evaluations");
        assertThat(command("du", run).out()).contains("  thoughts\n", "  all\n");
    }

    /** So that weights are rebuilt from checkpoint 0. */
    private static void dropCheckpoints(Path run) throws IOException {
        for (int iteration = 1; iteration <= 6; iteration++) {
            DurableFiles.deleteFolder(run.resolve("checkpoints/00000" + iteration));
        }
    }

    @Test
    void whatIsExportedTrainsToTheSameWeights() throws IOException {
        Path archive = folder.resolve("run.zip");
        Said said = command("export", shared.resolve("run"), "-o", archive.toString());
        assertThat(said.err()).isEmpty();
        assertThat(said.code()).isZero();
        String before = Hashes.sha256(archive);
        command("export", shared.resolve("run"), "-o", archive.toString());
        assertThat(Hashes.sha256(archive)).as("the same bytes").isEqualTo(before);

        Path unpacked = folder.resolve("letter-count");
        unzip(archive, folder);
        for (String line : Files.readAllLines(unpacked.resolve("SHA256SUMS"))) {
            String[] sum = line.split("  ", 2);
            assertThat(Hashes.sha256(unpacked.resolve(sum[1]))).as(sum[1]).isEqualTo(sum[0]);
        }
        assertThat(Files.readString(unpacked.resolve("run.yaml")))
                .contains("policy: \"inputs/model-policy\"")
                .doesNotContain(shared.toString());
        String policy = Hashes.sha256(shared.resolve("run/policy/model.safetensors"));
        assertThat(Files.readString(unpacked.resolve("README.md")))
                .startsWith("---\nlibrary_name: transformers\n")
                .contains("Ended after iteration 6", policy, "| `dpo.beta` | `0.1` |", "| 6 ");

        Said again = Said.by(List.of(
                "train",
                unpacked.resolve("run.yaml").toString(),
                "--run-dir",
                folder.resolve("again").toString()));
        assertThat(again.code()).isZero();
        assertThat(Hashes.sha256(folder.resolve("again/policy/model.safetensors")))
                .isEqualTo(policy);
    }

    @Test
    void aDamagedRunAndOneWithoutAPolicyAreNotExported() throws IOException {
        Path run = copy();
        flip(run.resolve("iterations/000001/step.json"), 10);
        Said damaged = command("export", run);
        assertThat(damaged.code()).isEqualTo(Main.FAILED);
        assertThat(damaged.err()).contains("iterations/000001/step.json").hasLineCount(1);

        flip(run.resolve("iterations/000001/step.json"), 10);
        Files.delete(run.resolve("result.json"));
        assertRefused(command("export", run), "no policy yet");
    }

    private static void unzip(Path archive, Path into) throws IOException {
        try (ZipInputStream zip = new ZipInputStream(Files.newInputStream(archive))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                Path file = into.resolve(entry.getName());
                Files.createDirectories(Objects.requireNonNull(file.getParent()));
                Files.copy(zip, file);
            }
        }
    }

    private static void assertRefused(Said said, String why) {
        assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(said.err()).contains(why).hasLineCount(1);
    }

    private static JsonNode firstPair(int iteration) throws IOException {
        return new ObjectMapper()
                .readTree(Files.readAllLines(shared.resolve("run/iterations/00000" + iteration + "/pairs.jsonl"))
                        .get(0));
    }

    private static Said command(String name, Path directory, String... more) {
        List<String> arguments = new ArrayList<>(List.of(name, directory.toString()));
        arguments.addAll(List.of(more));
        return Said.by(arguments);
    }

    private static List<String> everything(Path run) throws IOException {
        List<String> all = new ArrayList<>();
        try (Stream<Path> walk = Files.walk(run)) {
            for (Path file : walk.filter(Files::isRegularFile).sorted().toList()) {
                all.add(run.relativize(file) + " " + Hashes.sha256(file));
            }
        }
        return all;
    }

    private static void flip(Path file, int place) throws IOException {
        byte[] content = Files.readAllBytes(file);
        content[place] ^= 1;
        Files.write(file, content);
    }

    /** The trained run once more, to be damaged. */
    private Path copy() throws IOException {
        Path copy = folder.resolve("copy");
        TinyRun.copy(shared.resolve("run"), copy);
        return copy;
    }
}
