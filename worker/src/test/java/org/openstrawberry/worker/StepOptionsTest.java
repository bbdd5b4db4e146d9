package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** A run with other loss, optimiser, reference and pairs than the default ones. */
class StepOptionsTest {
    private static final String[] OPTIONS = {
        "dpo.loss=[{sigmoid: 0.8}, {aot: 0.2}, {sft: 0.1}]",
        "dpo.ld-alpha=0.5",
        "dpo.beta-schedule={kind: linear, final-beta: 0.02}",
        "optimizer.kind=rmsprop",
        "optimizer.learning-rate=3.0e-4",
        "optimizer.schedule={kind: cosine, warmup-steps: 2}",
        "optimizer.epochs=3",
        "optimizer.mini-batch-pairs=2",
        "reference.refresh=best",
        "evaluation.every=2",
        "pairs.order=best-vs-random",
        "pairs.length-matched=0",
        "pairs.drop-duplicates=true",
        "pairs.max-per-iteration=5",
        "checkpoints.every=100"
    };

    private final TinyRun run;

    StepOptionsTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    /** The steps are taken again from the first checkpoint, with their batches, β and the refreshes that evaluations brought. */
    @Test
    void aRunOfEveryOptionIsReplayedToTheSameBits() throws IOException {
        train("sound", OPTIONS);
        assertThat(refreshes("sound")).isNotEmpty();
        assertStepsSayWhatTheyWereTakenWith();
        for (boolean refreshesAreLogged : new boolean[] {true, false}) {
            String name = "damaged-" + refreshesAreLogged;
            TinyRun.copy(run.directory("sound"), run.directory(name));
            damage(name, refreshesAreLogged);

            assertThat(train(name, OPTIONS).err()).isEmpty();

            assertThat(run.outcome(name)).isEqualTo(run.outcome("sound"));
            assertThat(run.optimizer(name)).isEqualTo(run.optimizer("sound"));
            assertThat(run.metrics(name)).isEqualTo(run.metrics("sound"));
        }
    }

    private void damage(String name, boolean refreshesAreLogged) throws IOException {
        Path directory = run.directory(name);
        for (String gone : List.of("result.json", "policy", "iterations/000006")) {
            DurableFiles.deleteFolder(directory.resolve(gone));
        }
        for (int iteration = 1; iteration <= 6; iteration++) {
            DurableFiles.deleteFolder(directory.resolve("checkpoints/00000" + iteration));
        }
        if (!refreshesAreLogged) {
            for (Path file : refreshes(name)) {
                Files.writeString(file, "damaged");
            }
        }
    }

    private void assertStepsSayWhatTheyWereTakenWith() throws IOException {
        JsonNode first = step("sound", 1);
        JsonNode last = step("sound", 6);
        assertThat(first.at("/dpo/loss/1/aot").doubleValue()).isEqualTo(0.2);
        assertThat(first.at("/dpo/beta").doubleValue()).isEqualTo(0.1);
        assertThat(last.at("/dpo/beta").doubleValue()).isEqualTo(0.02);
        assertThat(last.at("/metrics/beta").doubleValue()).isEqualTo(0.02);
        int pairs = first.at("/logps").size();
        assertThat(pairs).isBetween(1, 5);
        assertThat(first.at("/batches").size()).isEqualTo(3 * ((pairs + 1) / 2));
        assertThat(first.at("/metrics/optimizer~1steps").intValue())
                .isEqualTo(first.at("/batches").size());
    }

    private List<Path> refreshes(String name) {
        List<Path> refreshes = new ArrayList<>();
        for (int iteration = 1; iteration <= 6; iteration++) {
            Path file = run.directory(name).resolve("iterations/00000" + iteration + "/reference.json");
            if (Files.exists(file)) {
                refreshes.add(file);
            }
        }
        return refreshes;
    }

    private JsonNode step(String name, int iteration) throws IOException {
        return new ObjectMapper()
                .readTree(run.directory(name)
                        .resolve("iterations/00000" + iteration + "/step.json")
                        .toFile());
    }

    private Said train(String name, String... settings) {
        Said said = Said.by(run.train(name, settings));
        assertThat(said.code()).as(said.err()).isZero();
        return said;
    }
}
