package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** Whole runs that are unhealthy by their bounds. */
class HealthRunTest {
    /** A bound that some iterations break and others don't. */
    private static final String[] ROLLBACK = {
        "health.on-unhealthy=rollback", "health.loss-spike=1.002", "evaluation.every=2", "until.iterations=9"
    };

    private final TinyRun run;

    HealthRunTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    @Test
    void lookingAtHealthChangesNoWeight() throws IOException {
        assertThat(train("run", "health=null").code()).isZero();

        assertThat(run.outcome("run")).isEqualTo(TinyRun.undisturbed());
    }

    @Test
    void anUnhealthyRunPausesOnceAndTheSameCommandEndsAsIfNothingHadBeen() throws IOException {
        Said paused = train("run", "health.on-unhealthy=pause", "health.reward-spread-below=10");
        assertThat(paused.code()).isEqualTo(Main.FAILED);
        assertThat(paused.out()).contains("warning, iteration 1: rewards spread by");
        assertThat(paused.err()).contains("paused: the run is unhealthy").contains("strawberry fork");
        assertThat(run.directory("run").resolve("checkpoints/000001")).exists();

        // Bounds may change: nothing that is done depends on them.
        Said on = train("run", "health.on-unhealthy=pause", "health.reward-spread-below=9");
        assertThat(on.code()).isZero();
        assertThat(on.out()).contains("warning in 6 of 6 iterations, first in 1: rewards spread by");
        assertThat(run.outcome("run")).isEqualTo(TinyRun.undisturbed());
    }

    @Test
    void aStepThatIsNotFiniteIsRefusedAndTheStateKept() throws IOException {
        String[] wild = {"optimizer.learning-rate=1.0e+39", "until.iterations=2"};
        Said first = train("run", wild);
        assertThat(first.code()).isEqualTo(Main.FAILED);
        assertThat(first.out()).contains("warning, iteration 1: the step was refused");
        JsonNode step = json("run", 1, "step");
        assertThat(step.path("taken").asBoolean()).isFalse();
        assertThat(step.path("refused").asText()).contains("no longer finite");

        Said second = train("run", wild);
        assertThat(second.code()).isZero();
        Path directory = run.directory("run");
        assertThat(Hashes.sha256(directory.resolve("checkpoints/000002/policy.safetensors")))
                .isEqualTo(Hashes.sha256(directory.resolve("checkpoints/000000/policy.safetensors")));
    }

    @Test
    void withoutALookAtHealthAStepThatIsNotFiniteFailsTheRun() {
        Said said = train("run", "optimizer.learning-rate=1.0e+39", "health=null");

        assertThat(said.code()).isEqualTo(Main.FAILED);
        assertThat(said.err()).contains("no longer finite");
    }

    @Test
    void aRollbackIsLoggedAndARunThatWasCutOffComesToTheSame() throws IOException {
        assertThat(train("sound", ROLLBACK).code()).isZero();
        List<Integer> parents = parents("sound", 9);
        assertThat(parents).as("iterations with another parent").isNotEmpty().hasSizeLessThan(8);
        Map<String, String> sound = run.outcome("sound");
        assertThat(sound.get("policy")).isNotEqualTo(TinyRun.undisturbed().get("policy"));

        Path directory = run.directory("sound");
        for (String gone : List.of("result.json", "policy", "iterations/000008", "iterations/000009")) {
            DurableFiles.deleteFolder(directory.resolve(gone));
        }
        for (int iteration = 1; iteration <= 9; iteration++) {
            DurableFiles.deleteFolder(directory.resolve("checkpoints/00000" + iteration));
        }
        assertThat(train("sound", ROLLBACK).code()).isZero();
        assertThat(run.outcome("sound")).isEqualTo(sound);
        assertThat(parents("sound", 9)).isEqualTo(parents);
    }

    @Test
    void aRunThatOnlyGoesBackPausesInsteadOfGoingOnForEver() throws IOException {
        String[] hopeless = {
            "health.on-unhealthy=rollback", "health.reward-spread-below=10", "health.rollbacks=2", "until.iterations=9"
        };
        Said paused = train("run", hopeless);

        assertThat(paused.code()).isEqualTo(Main.FAILED);
        assertThat(paused.out())
                .contains("warning, iteration 3: the run went back to one state 3 times without getting better,"
                        + " health.rollbacks allows 2; ");
        assertThat(paused.err()).contains("paused: the run is unhealthy");
        assertThat(run.directory("run").resolve("iterations/000004/step.json")).doesNotExist();
        assertThat(Files.readString(run.directory("run").resolve("report.html")))
                .contains("What was unhealthy", "In 1 iteration, first in 3: the run went back to one state 3 times");

        assertThat(train("run", hopeless).err()).contains("paused: the run is unhealthy");
        assertThat(run.directory("run").resolve("iterations/000006/step.json")).exists();
        assertThat(run.directory("run").resolve("iterations/000007/step.json")).doesNotExist();
        assertThat(parents("run", 6)).containsOnly(0);
    }

    private List<Integer> parents(String name, int iterations) throws IOException {
        List<Integer> parents = new ArrayList<>();
        for (int iteration = 1; iteration <= iterations; iteration++) {
            JsonNode parent = json(name, iteration, "step").path("parent");
            if (!parent.isMissingNode()) {
                parents.add(parent.asInt());
            }
        }
        return parents;
    }

    private JsonNode json(String name, int iteration, String file) throws IOException {
        return new ObjectMapper()
                .readTree(Files.readString(
                        run.directory(name).resolve("iterations/00000" + iteration + "/" + file + ".json")));
    }

    private Said train(String name, String... more) {
        return Said.by(run.train(name, more));
    }
}
