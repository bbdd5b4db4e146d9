package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.policy.StepFile;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.Fork;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLock;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.worker.TrainCommandTest.Said;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.client.RunHandle;

/** Forks of run directories, in this process. */
class ForkCommandTest {
    private final TinyRun run;

    ForkCommandTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    @Test
    void aForkWithoutChangesEndsLikeItsParent() throws IOException {
        trainShipped("parent");
        Map<String, String> parent = run.outcome("parent");
        List<Path> before = files("parent");

        for (int iteration : new int[] {0, 2, 5}) {
            assertThat(fork("parent", iteration, "at-" + iteration).code()).isZero();
        }

        assertThat(run.outcome("parent")).isEqualTo(parent);
        assertThat(files("parent")).isEqualTo(before);
        DurableFiles.deleteFolder(run.directory("parent")); // with the shipped data and model in it
        for (int iteration : new int[] {0, 2, 5}) {
            assertThat(trainFork("at-" + iteration)).isZero();
            assertThat(run.outcome("at-" + iteration)).isEqualTo(parent);
        }
    }

    @Test
    void aForkWithOtherSettingsKeepsWhatCameBefore() throws IOException {
        train("parent");
        Map<String, String> parent = hashes("parent");

        Said said = fork("parent", 3, "fork", "dpo.beta=0.5", "seed=8", "sampling.prompts=4", "pairs.per-prompt=2");
        assertThat(said.code()).isZero();
        assertThat(trainFork("fork")).isZero();

        Map<String, String> fork = hashes("fork");
        parent.forEach((file, hash) -> {
            if (file.compareTo("iterations/000004") < 0) {
                assertThat(fork).containsEntry(file, hash);
            }
        });
        assertThat(fork.get("iterations/000004/pairs.jsonl")).isNotEqualTo(parent.get("iterations/000004/pairs.jsonl"));
        assertThat(step("fork", 3).dpo().beta()).isEqualTo(0.1);
        assertThat(step("fork", 4).dpo().beta()).isEqualTo(0.5);
        assertThat(hashes("parent")).isEqualTo(parent);

        Fork.Lineage lineage = Fork.lineage(run.directory("fork")).orElseThrow();
        assertThat(lineage.parent()).isEqualTo(run.directory("parent").toString());
        assertThat(lineage.iteration()).isEqualTo(3);
        assertThat(lineage.changes()).contains(new RunSetup.Change("dpo.beta", "0.1", "0.5"));
        assertThat(lineage.files())
                .containsEntry("iterations/000003/step.json", parent.get("iterations/000003/step.json"))
                .containsKey("checkpoints/000000/policy.safetensors");
    }

    @Test
    void loggedStepsAreTakenAgainWithTheSettingsOfTheirTime() throws IOException {
        train("parent", "evaluation.every=100");
        train("short", "evaluation.every=100", "until.iterations=2");

        fork("parent", 2, "fork", "until.iterations=2", "optimizer.weight-decay=0.5", "optimizer.betas=[0.5, 0.9]");
        assertThat(run.directory("fork").resolve("checkpoints/000002")).doesNotExist();
        assertThat(trainFork("fork")).isZero();

        assertThat(run.outcome("fork")).isEqualTo(run.outcome("short"));
    }

    @Test
    void whatWasAdjustedInTheParentHoldsUnlessTheForkSetsIt() {
        RunSpec spec = RunFile.read(run.file(), run.settings());
        Path directory = run.directory("parent");
        RunSetup.prepare(spec, directory);
        try (EmbeddedTemporal temporal = EmbeddedTemporal.start();
                Tensors tensors = new Tensors();
                RunWorkers workers =
                        new RunWorkers(temporal.client(), new SimpleMeterRegistry(), tensors, new Rewards())) {
            RunHandle handle =
                    RunHandle.start(temporal.client(), "run", TrainingInput.start(spec, directory.toString()));
            handle.pause(); // it holds before its first iteration, however fast it is
            workers.start();
            handle.adjust(Map.of("dpo.beta", 0.2, "optimizer.weight-decay", 0.5));
            handle.resume();
            handle.result().block();
        }

        fork("parent", 4, "fork", "dpo.beta=0.3");
        assertThat(trainFork("fork")).isZero();

        assertThat(step("fork", 4).dpo().beta()).isEqualTo(0.2);
        assertThat(step("fork", 5).dpo().beta()).isEqualTo(0.3);
        assertThat(step("fork", 6).dpo().beta()).isEqualTo(0.3);
        assertThat(step("fork", 6).optimizer().weightDecay()).isEqualTo(0.5);
    }

    @Test
    void whatAnAttemptThatWasKilledLeftIsCleared() throws IOException {
        train("parent", "until.iterations=1");
        Path left = run.directory(".fork.fork.tmp");
        Files.createDirectories(left.resolve("iterations"));
        Files.writeString(left.resolve("iterations/junk"), "half");

        assertThat(fork("parent", 1, "fork").code()).isZero();

        assertThat(left).doesNotExist();
        assertThat(run.directory("fork").resolve("iterations/junk")).doesNotExist();
        try (RunLock lock = RunLock.acquire(run.directory(".other.fork.tmp"))) {
            refused(fork("parent", 1, "other"), "in use by process");
            assertThat(run.directory(".other.fork.tmp")).exists();
        }
    }

    @Test
    void whereFilesCannotBeLinkedTheyAreCopied(@TempDir Path here) throws IOException {
        Path memory = Path.of("/dev/shm");
        assumeTrue(Files.isWritable(memory) && !Files.getFileStore(memory).equals(Files.getFileStore(here)));
        train("parent", "until.iterations=2");
        Path elsewhere = Files.createTempDirectory(memory, "strawberry");
        try {
            Path fork = elsewhere.resolve("fork");
            Said said = Said.by(List.of(
                    "fork", run.directory("parent").toString(), "--at-iteration", "1", "--run-dir", fork.toString()));
            assertThat(said.code()).isZero();
            assertThat(Hashes.sha256(fork.resolve("iterations/000001/pairs.jsonl")))
                    .isEqualTo(hashes("parent").get("iterations/000001/pairs.jsonl"));
        } finally {
            DurableFiles.deleteFolder(elsewhere);
        }
    }

    @Test
    void whatCannotBeIsToldInOneLineAndNothingIsWritten() throws IOException {
        train("parent", "until.iterations=2");

        refused(fork("parent", 3, "fork"), "--at-iteration: found 3, expected 0 to 2");
        refused(fork("parent", -1, "fork"), "--at-iteration: found -1, expected 0 to 2");
        refused(fork("nowhere/at-all", 1, "fork"), "nowhere/at-all: not a run directory");
        refused(fork("parent", 1, "fork", "model.threads=7"), "model.threads: can't change", "found 7");
        refused(fork("parent", 1, "fork", "warmup=null"), "warmup: can't change");
        refused(fork("parent", 1, "fork", "warmup.steps=5"), "warmup.steps: can't change", "found 5", "expected 12");
        refused(fork("parent", 1, "fork", "optimizer.kind=sgd"), "optimizer.kind: can't change");
        refused(fork("parent", 2, "fork", "until.iterations=1"), "until.iterations: found 1, expected at least 2");
        refused(fork("parent", 1, "fork", "dpo.beta=-1"), "--set dpo.beta=-1: dpo.beta: must be");
        refused(fork("parent", 1, "fork", "data.prompts=nowhere.jsonl"), "nowhere.jsonl");
        refused(fork("parent", 1, "parent"), "parent: exists already");

        Path pairs = run.directory("parent").resolve("iterations/000001/pairs.jsonl");
        byte[] sound = Files.readAllBytes(pairs);
        Files.write(pairs, new byte[] {1});
        refused(fork("parent", 2, "fork"), "000001/pairs.jsonl: SHA-256 is 4bf5122f", "expected ");
        Files.delete(pairs);
        refused(fork("parent", 2, "fork"), "000001/pairs.jsonl: missing");
        Files.write(pairs, sound);
        Files.write(run.directory("parent").resolve("checkpoints/000000/policy.safetensors"), new byte[] {1});
        refused(fork("parent", 2, "fork"), "checkpoints/000000: missing or damaged");

        assertThat(run.directory("fork")).doesNotExist();
        assertThat(run.directory(".fork.fork.tmp")).doesNotExist();
    }

    @Test
    void aForkThatIsThereAlreadySaysHowToGoOn() {
        train("parent", "until.iterations=2");
        fork("parent", 1, "fork");

        refused(fork("parent", 1, "fork"), "exists already, as the fork of", "at iteration 1", "--run-dir");
    }

    @Test
    void aForkWhoseSharedPartIsDamagedDoesNotMakeItAnew() throws IOException {
        train("parent", "until.iterations=2");
        fork("parent", 2, "fork", "until.iterations=3");
        Files.write(run.directory("fork").resolve("iterations/000001/iteration.json"), new byte[] {1});

        assertThat(trainFork("fork")).isEqualTo(Main.FAILED);

        assertThat(run.directory("fork").resolve("iterations/000003")).doesNotExist();
    }

    private void train(String name, String... more) {
        assertThat(Said.by(run.train(name, more)).code()).isZero();
    }

    /** The shipped run, whose data and model then lie in the run directory. */
    private void trainShipped(String name) {
        List<String> arguments = new ArrayList<>(run.train(name));
        arguments.remove(1);
        assertThat(Said.by(arguments).code()).isZero();
    }

    private Said fork(String parent, int iteration, String name, String... sets) {
        List<String> arguments = new ArrayList<>(List.of(
                "fork",
                run.directory(parent).toString(),
                "--at-iteration=" + iteration,
                "--run-dir",
                run.directory(name).toString()));
        List.of(sets).forEach(set -> arguments.addAll(List.of("--set", set)));
        return Said.by(arguments);
    }

    private int trainFork(String name) {
        Path directory = run.directory(name);
        return Said.by(List.of("train", directory.resolve("run.yaml").toString(), "--run-dir", directory.toString()))
                .code();
    }

    private StepFile step(String name, int iteration) {
        return Json.read(run.directory(name).resolve("iterations/00000" + iteration + "/step.json"), StepFile.class);
    }

    private static void refused(Said said, String... words) {
        assertThat(said.err()).contains(words).hasLineCount(1);
        assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
    }

    private List<Path> files(String name) throws IOException {
        try (Stream<Path> walk = Files.walk(run.directory(name))) {
            return walk.sorted().toList();
        }
    }

    private Map<String, String> hashes(String name) throws IOException {
        Map<String, String> hashes = new TreeMap<>();
        for (Path file : files(name)) {
            String path = run.directory(name).relativize(file).toString();
            if (Files.isRegularFile(file) && path.startsWith("iterations/")) {
                hashes.put(path, Hashes.sha256(file));
            }
        }
        return hashes;
    }
}
