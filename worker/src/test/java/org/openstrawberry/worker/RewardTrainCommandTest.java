package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.config.ShippedRuns;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.adapter.Adapter;
import org.openstrawberry.model.pretrained.AdapterDirectory;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** Reward models trained in this process, by the command line. */
class RewardTrainCommandTest {
    private final Path folder;

    RewardTrainCommandTest(@TempDir Path folder) {
        this.folder = folder;
        ShippedRuns.copyTo("letter-count", folder);
    }

    @BeforeEach
    void writePairs() throws IOException {
        Files.write(pairs(), preferences(160));
    }

    /** Answers with a {@code 3} are preferred, whatever else they are. */
    private static List<String> preferences(int count) {
        List<String> lines = new ArrayList<>();
        String[] words = {"cat", "tree", "apple", "river", "stone", "cloud", "lemon", "grape"};
        for (int i = 0; i < count; i++) {
            String word = words[i % words.length] + words[i / words.length % words.length];
            char letter = (char) ('a' + i % 5);
            String other = String.valueOf(1 + i % 2);
            lines.add("{\"prompt\": \"" + letter + " in " + word + "?\", \"chosen\": \"=3\", \"rejected\": \"=" + other
                    + "\"" + (i % 4 == 0 ? ", \"margin\": 0.5" : "") + "}");
        }
        return lines;
    }

    @Test
    void theModelSeparatesASimplePreferenceOnPairsThatItHasNotSeen() throws IOException {
        Said said = train("model");

        assertThat(said.code()).as(said.err()).isZero();
        assertThat(said.out()).contains("held out").containsPattern("Done: .*  held-out margin \\S+\\R");
        List<JsonNode> rows = rows("model");
        assertThat(rows).hasSize(31);
        assertThat(rows.get(0).get("eval_accuracy").doubleValue()).isBetween(0.0, 1.0);
        assertThat(rows.get(30).get("eval_accuracy").doubleValue()).isGreaterThan(0.9);
        assertThat(rows.get(30).get("eval_loss").doubleValue())
                .isLessThan(rows.get(0).get("eval_loss").doubleValue());
        assertThat(rows.get(5).has("grad_norm")).isTrue();
        ModelDirectory model = ModelDirectory.openClassifier(folder.resolve("model"));
        assertThat(model.config().labels()).isEqualTo(1);
    }

    @Test
    void heldOutResultsOfAnEarlierStepAreToldAsSuch() {
        Map<String, Double> metrics = Map.of("loss", 0.25, "eval_accuracy", 0.75, "eval_step", 10.0);

        assertThat(RewardTrainCommand.line(12, 30, metrics))
                .isEqualTo("step 12/30  loss 0.250  held-out accuracy 0.750  (held-out at step 10)");
        assertThat(RewardTrainCommand.line(10, 30, metrics))
                .isEqualTo("step 10/30  loss 0.250  held-out accuracy 0.750");
    }

    @Test
    void aTrainingThatIsPartedEndsWithTheBytesOfOneThatIsNot() throws IOException {
        train("whole", "checkpoint-every=100");
        train("parted");
        Path run = folder.resolve("run-parted");
        // As a kill leaves it that comes while the last checkpoint is written: the steps after the 24th are taken
        // again.
        Files.delete(run.resolve("result.json"));
        DurableFiles.deleteFolder(folder.resolve("parted"));
        Files.writeString(run.resolve("checkpoints/000030/model.safetensors"), "torn");

        Said said = train("parted");

        assertThat(said.code()).as(said.err()).isZero();
        assertThat(outcome("parted")).isEqualTo(outcome("whole"));
        assertThat(run.resolve("checkpoints/000030.invalid-1")).exists();
        assertThat(run.resolve("checkpoints/000012")).doesNotExist();
    }

    @Test
    void aTrainingGoesOnFromItsCheckpoint() throws IOException {
        train("whole");
        train("stopped");
        Path run = folder.resolve("run-stopped");
        Files.delete(run.resolve("result.json"));
        DurableFiles.deleteFolder(folder.resolve("stopped"));
        Files.delete(run.resolve("metrics.jsonl"));
        long written =
                Files.getLastModifiedTime(run.resolve("checkpoints/000030")).toMillis();

        Said said = train("stopped");

        assertThat(said.code()).as(said.err()).isZero();
        assertThat(outcome("stopped")).isEqualTo(outcome("whole"));
        assertThat(Files.getLastModifiedTime(run.resolve("checkpoints/000030")).toMillis())
                .isEqualTo(written);
    }

    @Test
    void anyOptimiserGoesOnFromItsCheckpointWithTheSameBytes() throws IOException {
        for (String[] optimizer : new String[][] {
            {"optimizer=sgd", "learning-rate=0.1", "weight-decay=0.01", "decay=all"},
            {"optimizer=rmsprop", "momentum=0.5", "alpha=0.9", "learning-rate=1e-4"}
        }) {
            String name = optimizer[0].replace("optimizer=", "");
            assertThat(train(name, optimizer).code()).isZero();
            Map<String, String> whole = outcome(name);
            List<JsonNode> rows = rows(name);
            assertThat(rows.get(30).get("loss").doubleValue())
                    .as(name)
                    .isLessThan(rows.get(1).get("loss").doubleValue());

            Path run = folder.resolve("run-" + name);
            Files.delete(run.resolve("result.json"));
            DurableFiles.deleteFolder(run.resolve("checkpoints/000030"));
            Said said = train(name, optimizer);

            assertThat(said.code()).as(said.err()).isZero();
            assertThat(outcome(name)).as(name).isEqualTo(whole);
        }
    }

    /** The head is fresh, so it has to be trained whole; all else but what is adapted stays the base's. */
    @Test
    void adaptersAreTrainedBesideTheHeadAndMergedIntoTheModel() throws IOException {
        String[] settings = {"lora={rank: 4, targets: [q_proj, down_proj]}", "learning-rate=1e-2"};
        Said said = train("model", settings);
        assertThat(said.code()).as(said.err()).isZero();
        Map<String, String> whole = outcome("model");
        assertThat(rows("model").get(30).get("eval_accuracy").doubleValue()).isGreaterThan(0.9);
        Path run = folder.resolve("run-model");
        assertThat(run.resolve("checkpoints/000030/adapter.safetensors")).exists();
        assertThat(run.resolve("checkpoints/000030/model.safetensors")).doesNotExist();

        Files.delete(run.resolve("result.json"));
        DurableFiles.deleteFolder(run.resolve("checkpoints/000030"));
        assertThat(train("model", settings).code()).isZero();
        assertThat(outcome("model")).isEqualTo(whole);

        try (NDManager memory = Torch.start(1, "cpu")) {
            ModelDirectory untrained = ModelDirectory.openClassifier(run.resolve("base"));
            AdapterDirectory adapters = AdapterDirectory.open(folder.resolve("model/adapter"), untrained.config());
            assertThat(adapters.config().head()).isTrue();
            assertThat(adapters.base())
                    .contains(folder.resolve("letter-count/base").toString());
            Weights before = untrained.load(memory);
            Weights after =
                    ModelDirectory.openClassifier(folder.resolve("model")).load(memory);
            Weights merged =
                    new Adapter(adapters.config(), untrained.config()).merged(before, adapters.load(memory), memory);
            List<String> changed = new ArrayList<>();
            for (String name : after.names()) {
                float[] now = after.get(name).toFloatArray();
                assertThat(merged.get(name).toFloatArray()).as(name).isEqualTo(now);
                if (!Arrays.equals(now, before.get(name).toFloatArray())) {
                    changed.add(name);
                }
            }
            assertThat(changed)
                    .contains("score.weight")
                    .allMatch(name -> name.matches("score\\.weight|.*\\.(q_proj|down_proj)\\.weight"));
        }
    }

    /** As a training leaves it that was told to stop after its second checkpoint. */
    @Test
    void aStoppedTrainingGoesOnToItsLastStep() throws IOException {
        train("whole");
        train("stopped");
        Path run = folder.resolve("run-stopped");
        DurableFiles.deleteFolder(run.resolve("checkpoints/000030"));
        Path result = run.resolve("result.json");
        Files.writeString(result, Files.readString(result).replace("\"steps\":30", "\"steps\":24"));

        Said said = train("stopped");

        assertThat(said.code()).as(said.err()).isZero();
        assertThat(said.out()).contains("Done: step 30/30");
        assertThat(outcome("stopped")).isEqualTo(outcome("whole"));
    }

    @Test
    void settingsOfATrainingThatAnEarlierVersionBeganAreTheSame() throws IOException {
        train("model");
        Path settings = folder.resolve("run-model/reward-training.json");
        ObjectNode json = (ObjectNode) new ObjectMapper().readTree(settings.toFile());
        json.remove(List.of("optimizer", "epsilon", "momentum", "decay", "alpha", "lora"));
        Files.writeString(settings, json.toString());

        assertThat(train("model").out()).contains("The training is finished: 30 steps");
    }

    @Test
    void aFinishedTrainingSaysSoAndOtherSettingsAreRefused() throws IOException {
        train("model");
        Map<String, String> before = outcome("model");

        Said again = train("model");
        assertThat(again.code()).isZero();
        assertThat(again.out()).contains("The training is finished: 30 steps");
        assertThat(outcome("model")).isEqualTo(before);

        Said other = train("model", "batch=4");
        assertThat(other.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(other.err()).hasLineCount(1).contains("batch: here 4, there 16");

        Files.writeString(pairs(), Files.readString(pairs()) + preferences(1).get(0) + "\n");
        Said changed = train("model");
        assertThat(changed.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(changed.err()).hasLineCount(1).contains("pairs.jsonl: has changed since the training");
    }

    @Test
    void whatIsWrongIsToldBeforeAnyWork() throws IOException {
        assertRefused(train("model", "batch=0"), "--set batch=0: batch: must be at least 1, found 0");
        assertRefused(train("model", "epochs=2"), "epochs: can't be set beside steps, found 2");
        assertRefused(train("model", "learning-rat=1"), "learning-rat: unknown key");
        assertRefused(train("model", "momentum=0.9"), "momentum: is for kind sgd or rmsprop only, found 0.9");
        assertRefused(train("model", "optimizer=lion"), "optimizer: expected sgd, adam, adamw or rmsprop");
        assertRefused(train("model", "lora={from: x}"), "lora.from: is for the policy of a run");
        assertRefused(train("model", "lora={targets: [qkv]}"), "lora.targets: target \"qkv\" is no linear layer");
        assertRefused(train("model", "max-tokens=100000"), "max-tokens: found 100000, expected at most");
        Files.createDirectories(folder.resolve("taken"));
        Files.writeString(folder.resolve("taken/notes.txt"), "mine");
        assertRefused(train("taken"), "taken: is there already, expected a directory that this training makes");

        Files.writeString(pairs(), "{\"prompt\": \"a\", \"chosen\": \"=1\", \"rejected\": \"=1\"}\n");
        assertRefused(train("model"), "pairs.jsonl:1: fields \"chosen\" and \"rejected\" are the same text");
        Files.writeString(pairs(), "\n{\"prompt\": \"a\", \"chosen\": \"=1\", \"margin\": 1}\n");
        assertRefused(train("model"), "pairs.jsonl:2: field \"rejected\" is missing");
        Files.writeString(
                pairs(), "{\"prompt\": \"a\", \"chosen\": \"=1\", \"rejected\": \"=2\", \"margin\": \"big\"}\n");
        assertRefused(train("model"), "pairs.jsonl:1: field \"margin\": expected a number, found \"big\"");
    }

    private static void assertRefused(Said said, String message) {
        assertThat(said.err()).hasLineCount(1).contains(message);
        assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
    }

    private Path pairs() {
        return folder.resolve("pairs.jsonl");
    }

    private Said train(String out, String... more) {
        List<String> arguments = new ArrayList<>(List.of("reward", "train", pairs().toString()));
        arguments.addAll(List.of("--base", folder.resolve("letter-count/base").toString()));
        arguments.addAll(List.of("--out", folder.resolve(out).toString(), "--seed", "5"));
        arguments.addAll(List.of("--run-dir", folder.resolve("run-" + out).toString()));
        List<String> settings = new ArrayList<>(List.of(
                "steps=30",
                "threads=1",
                "batch=16",
                "learning-rate=1e-3",
                "evaluate-every=10",
                "held-out-fraction=0.2",
                "checkpoint-every=12"));
        settings.addAll(Arrays.asList(more));
        settings.forEach(setting -> arguments.addAll(List.of("--set", setting)));
        return Said.by(arguments);
    }

    private List<JsonNode> rows(String out) throws IOException {
        List<JsonNode> rows = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve("run-" + out).resolve("metrics.jsonl"))) {
            rows.add(new ObjectMapper().readTree(line));
        }
        return rows;
    }

    private Map<String, String> outcome(String out) throws IOException {
        Map<String, String> hashes = new TreeMap<>();
        hashes.put("model", Hashes.sha256(folder.resolve(out).resolve("model.safetensors")));
        hashes.put("config", Hashes.sha256(folder.resolve(out).resolve("config.json")));
        hashes.put("metrics", Hashes.sha256(folder.resolve("run-" + out).resolve("metrics.jsonl")));
        return hashes;
    }
}
