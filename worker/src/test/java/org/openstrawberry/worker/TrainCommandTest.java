package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.RunLock;

/** Whole runs in this process, by the command line. */
class TrainCommandTest {
    private final TinyRun run;

    TrainCommandTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    @Test
    void aRunEndsWithAPolicyAndARowForEveryIteration() throws IOException {
        Said said = train("run");

        assertThat(said.code).isZero();
        assertThat(said.out)
                .contains("iteration 6")
                .contains("6 iterations done")
                .contains("r in strawberry?");
        assertThat(run.directory("run").resolve("policy/config.json")).exists();
        List<JsonNode> rows = rows("run");
        assertThat(rows).extracting(row -> row.path("iteration").asInt()).containsExactly(0, 1, 2, 3, 4, 5, 6);
        assertThat(rows.get(0).has("eval/accuracy")).isTrue();
        assertThat(rows.get(6).has("eval/accuracy")).isTrue();
        // Rows 3 and 20 of the known bugs: the reference is the policy's past, so the loss starts at ln 2 and leaves
        // it.
        assertThat(rows.get(1).path("loss").asDouble()).isEqualTo(Math.log(2));
        assertThat(rows.get(2).path("loss").asDouble()).isNotEqualTo(Math.log(2));
    }

    @Test
    void aFinishedRunSaysSoAndCanBeExtended() throws IOException {
        train("run");
        Map<String, String> before = run.outcome("run");

        Said again = train("run");
        assertThat(again.code).isZero();
        assertThat(again.out).contains("The run is finished");
        assertThat(run.outcome("run")).isEqualTo(before);

        assertThat(train("run", "until.iterations=8").code).isZero();
        assertThat(rows("run")).hasSize(9);
        assertThat(Files.readString(run.directory("run").resolve("changes.jsonl")))
                .contains("until.iterations");
    }

    @Test
    void anExtendedRunEqualsOneThatWasLongFromTheStart() throws IOException {
        train("extended");
        train("extended", "until.iterations=8");
        train("long", "until.iterations=8");

        assertThat(run.outcome("extended")).isEqualTo(run.outcome("long"));
    }

    @Test
    void anotherConfigurationIsRefusedByItsKeys() throws IOException {
        train("run", "until.iterations=1");

        Said other = train("run", "until.iterations=1", "dpo.beta=0.5");

        assertThat(other.code).isEqualTo(Main.BAD_INPUT);
        assertThat(other.err).contains("dpo.beta: here 0.5, there 0.1").hasLineCount(1);
    }

    @Test
    void aRunInUseIsRefused() throws IOException {
        try (RunLock lock = RunLock.acquire(run.directory("run"))) {
            Said said = train("run");

            assertThat(said.code).isEqualTo(Main.BAD_INPUT);
            assertThat(said.err)
                    .contains("in use by process " + ProcessHandle.current().pid())
                    .hasLineCount(1);
        }
    }

    @Test
    void damageToTheNewestFilesIsMended() throws IOException {
        train("sound");
        train("damaged", "until.iterations=5");
        Path directory = run.directory("damaged");
        truncate(directory.resolve("iterations/000005/iteration.json"));
        truncate(directory.resolve("iterations/000005/step.json"));
        truncate(directory.resolve("metrics.jsonl"));
        truncate(directory.resolve("result.json"));
        truncate(directory.resolve("checkpoints/000005/policy.safetensors"));
        Files.writeString(directory.resolve("iterations/000005/.pairs.jsonl.0.tmp"), "half");
        Files.createDirectories(directory.resolve("checkpoints/000006"));

        Said said = train("damaged");

        assertThat(said.err).isEmpty();
        assertThat(said.code).isZero();
        assertThat(run.outcome("damaged")).isEqualTo(run.outcome("sound"));
        assertThat(rows("damaged")).hasSize(7);
    }

    @Test
    void truncationOfTheNewestFileAloneIsMended() throws IOException {
        train("sound");
        train("damaged", "until.iterations=5");
        try (Stream<Path> files = Files.walk(run.directory("damaged"))) {
            truncate(files.filter(Files::isRegularFile)
                    .filter(file -> !file.endsWith("log") && !file.endsWith(".lock") && !file.endsWith("report.html"))
                    .max(Comparator.comparing(TrainCommandTest::modified))
                    .orElseThrow());
        }

        assertThat(train("damaged").code).isZero();
        assertThat(run.outcome("damaged")).isEqualTo(run.outcome("sound"));
    }

    @Test
    void aRefreshIsReplayedWhateverBecameOfItsFile() throws IOException {
        train("sound", "checkpoints.every=100");
        train("damaged", "checkpoints.every=100");
        Path directory = run.directory("damaged");
        for (String gone : List.of("result.json", "policy", "iterations/000005", "iterations/000006")) {
            delete(directory.resolve(gone));
        }
        for (int iteration = 1; iteration <= 6; iteration++) {
            delete(directory.resolve("checkpoints/00000" + iteration));
        }
        truncate(directory.resolve("iterations/000002/reference.json"));

        assertThat(train("damaged", "checkpoints.every=100").code).isZero();
        assertThat(run.outcome("damaged")).isEqualTo(run.outcome("sound"));
    }

    @Test
    void aDamagedFirstCheckpointIsNotTakenForTheReference() throws IOException {
        String[] never = {"reference.refresh=never", "checkpoints.every=2", "until.iterations=4"};
        String[] longer = {"reference.refresh=never", "checkpoints.every=2", "until.iterations=6"};
        train("sound", longer);
        train("damaged", never);
        Path first = run.directory("damaged").resolve("checkpoints/000000/policy.safetensors");
        byte[] content = Files.readAllBytes(first);
        content[content.length - 2] ^= 64;
        Files.write(first, content);

        assertThat(train("damaged", longer).code).isZero();
        assertThat(run.outcome("damaged")).isEqualTo(run.outcome("sound"));
    }

    @Test
    void badInputIsToldInOneLineBeforeAnyWork() throws IOException {
        Said misspelt = train("run", "sampling.temprature=2");
        assertThat(misspelt.code).isEqualTo(Main.BAD_INPUT);
        assertThat(misspelt.err)
                .contains("sampling.temprature")
                .contains("sampling.temperature")
                .hasLineCount(1);

        Said few = train("run", "pairs.per-prompt=4");
        assertThat(few.code).isEqualTo(Main.BAD_INPUT);
        assertThat(few.err).contains("2 × pairs.per-prompt").hasLineCount(1);

        Said missing = train("run", "data.prompts=nowhere.jsonl");
        assertThat(missing.code).isEqualTo(Main.BAD_INPUT);
        assertThat(missing.err).contains("nowhere.jsonl").hasLineCount(1);

        Path foreign = Files.writeString(
                run.directory("foreign.jsonl"),
                "{\"prompt\":\"r in r?\",\"answer\":1}\n{\"prompt\":\"é?\",\"answer\":1}\n");
        Said character = train("run", "data.held-out=" + foreign);
        assertThat(character.code).isEqualTo(Main.BAD_INPUT);
        assertThat(character.err).contains("foreign.jsonl:2").hasLineCount(1);

        Path empty = Files.createDirectories(run.directory("empty"));
        Said noModel = train("run", "model.policy=" + empty);
        assertThat(noModel.code).isEqualTo(Main.BAD_INPUT);
        assertThat(noModel.err).contains("config.json").hasLineCount(1);

        assertThat(run.directory("run").resolve("iterations")).doesNotExist();
    }

    private Said train(String name, String... more) {
        return Said.by(run.train(name, more));
    }

    private List<JsonNode> rows(String name) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        List<JsonNode> rows = new ArrayList<>();
        for (String line : Files.readAllLines(run.directory(name).resolve("metrics.jsonl"))) {
            rows.add(mapper.readTree(line));
        }
        return rows;
    }

    private static FileTime modified(Path file) {
        try {
            return Files.getLastModifiedTime(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void delete(Path path) throws IOException {
        DurableFiles.deleteFolder(path);
    }

    private static void truncate(Path file) throws IOException {
        byte[] content = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(content, content.length / 2));
    }

    /** What a command printed, and its exit code. */
    record Said(int code, String out, String err) {
        static Said by(List<String> arguments) {
            PrintStream out = System.out;
            PrintStream err = System.err;
            ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
            ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
            System.setOut(new PrintStream(outBytes, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(errBytes, true, StandardCharsets.UTF_8));
            try {
                int code = Main.run(arguments.toArray(String[]::new));
                return new Said(
                        code, outBytes.toString(StandardCharsets.UTF_8), errBytes.toString(StandardCharsets.UTF_8));
            } finally {
                System.setOut(out);
                System.setErr(err);
            }
        }
    }
}
