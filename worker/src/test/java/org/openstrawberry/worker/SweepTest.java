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
import java.util.TreeMap;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** Whole sweeps of tiny runs. */
class SweepTest {
    /** A schedule that ends where the run ends would show if a rung were trained as a shorter run. */
    private static final String COSINE = "optimizer.schedule.kind=cosine";

    /** So many that an interrupted sweep is still at it when the signal comes. */
    private static final String LENGTH = "until.iterations=20";

    private final TinyRun run;
    private final TestProcesses processes;
    private final Path file;

    SweepTest(@TempDir Path folder) throws IOException {
        run = new TinyRun(folder);
        processes = new TestProcesses(folder);
        StringBuilder settings = new StringBuilder();
        for (String setting : run.settings(COSINE)) {
            String longer = setting.startsWith("until.iterations=") ? LENGTH : setting;
            settings.append("  ").append(longer.replaceFirst("=", ": ")).append('\n');
        }
        file = Files.writeString(folder.resolve("sweep.yaml"), """
                run: letter-count.yaml
                set:
                %sover:
                  dpo.beta: [0.1, 0.5]
                at-a-time: 2
                measure: loss
                halving: { start: 2 }
                """.formatted(settings));
    }

    @AfterEach
    void close() {
        processes.close();
    }

    @Test
    void aKilledSweepEndsLikeAnUndisturbedOneAndItsBestLikeAPlainRun() throws Exception {
        assertThat(Main.run(arguments("undisturbed").toArray(String[]::new))).isZero();
        assertHalvedAndTheBestIsLikeAPlainRun("undisturbed");
        String best = "trials/" + trials("undisturbed").get(0).path("trial").asText();

        for (String moment : List.of(
                "trials/00/checkpoints/000000",
                "trials/01/iterations/000001/step.json",
                best + "/iterations/000003/thoughts-00.jsonl")) {
            Process process = sweep("killed");
            awaitOrEnd(process, run.directory("killed").resolve(moment));
            TestProcesses.kill(process);
        }
        Process interrupted = sweep("killed");
        awaitOrEnd(interrupted, run.directory("killed").resolve(best + "/iterations/000010/prompts.jsonl"));
        TestProcesses.signal(interrupted, "INT");
        assertThat(interrupted.waitFor()).isEqualTo(Main.INTERRUPTED);
        assertThat(sweep("killed").waitFor()).isZero();

        assertThat(outcome("killed")).isEqualTo(outcome("undisturbed"));
    }

    @Test
    @Tag("faults")
    @EnabledIf("org.openstrawberry.worker.TestProcesses#hasTemporal")
    void aSweepOnAServerOutlivesItsCommandAndAWorker() throws Exception {
        processes.startServer();
        Process worker = processes.worker("worker-1");
        Process command = sweep("swept", "--server", processes.server());
        awaitOrEnd(command, run.directory("swept").resolve("trials/00/iterations/000001/step.json"));
        TestProcesses.kill(command);
        TestProcesses.kill(worker);
        processes.worker("worker-2");

        assertThat(sweep("swept", "--server", processes.server()).waitFor()).isZero();
        assertHalvedAndTheBestIsLikeAPlainRun("swept");
        assertThat(processes.strawberry("list", "--server", processes.server())).contains("sweep-00", "sweep-01");
    }

    private void assertHalvedAndTheBestIsLikeAPlainRun(String name) throws IOException {
        assertThat(trials(name))
                .extracting(trial -> trial.path("state").asText() + " "
                        + trial.path("iterations").asInt())
                .containsExactly("done 20", "pruned 2");
        JsonNode best = trials(name).get(0);
        String[] plain = {COSINE, LENGTH, "dpo.beta=" + best.path("settings").path("dpo.beta")};
        assertThat(Main.run(run.train("plain", plain).toArray(String[]::new))).isZero();
        assertThat(run.outcome("plain"))
                .isEqualTo(run.outcome(name + "/trials/" + best.path("trial").asText()));
    }

    @Test
    void aMistakeIsToldInOneLineBeforeAnyTrialTrains() throws Exception {
        replace("[0.1, 0.5]", "[0.1, -1]");
        assertThat(said()).isEqualTo(new Said(Main.BAD_INPUT, "", file + ":16:19: dpo.beta: must be > 0, found -1\n"));

        replace("  sampling.max-new-tokens: 12\n", "");
        replace("dpo.beta: [0.1, -1]", "sampling.max-new-tokens: [12, 5000]");
        Said tooLong = said();
        assertThat(tooLong.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(tooLong.err())
                .startsWith(file + ": trial 01 (sampling.max-new-tokens=5000): sampling.max-new-tokens: found 5000")
                .hasLineCount(1);
        assertThat(run.directory("bad/trials/00/iterations")).doesNotExist();
    }

    private Said said() {
        return Said.by(
                List.of("sweep", file.toString(), "--dir", run.directory("bad").toString()));
    }

    private void replace(String text, String by) throws IOException {
        Files.writeString(file, Files.readString(file).replace(text, by));
    }

    private Process sweep(String name, String... more) throws IOException {
        List<String> arguments = arguments(name);
        arguments.addAll(List.of(more));
        return processes.start(name, TestProcesses.ours(arguments));
    }

    private List<String> arguments(String name) {
        return new ArrayList<>(
                List.of("sweep", file.toString(), "--dir", run.directory(name).toString()));
    }

    private static void awaitOrEnd(Process process, Path moment) throws InterruptedException {
        TestProcesses.await(moment.toString(), () -> !process.isAlive() || Files.exists(moment));
    }

    /** All that must be equal between two sweeps: the table, and what each trial came to. */
    private Map<String, Object> outcome(String name) throws IOException {
        Map<String, Object> outcome = new TreeMap<>();
        String table = trials(name).toString().replace(run.directory(name).toString(), "");
        outcome.put("table", table);
        for (JsonNode trial : trials(name)) {
            String id = trial.path("trial").asText();
            outcome.put(id, run.outcome(name + "/trials/" + id));
        }
        return outcome;
    }

    private List<JsonNode> trials(String name) throws IOException {
        JsonNode table = new ObjectMapper()
                .readTree(run.directory(name).resolve("sweep.json").toFile());
        return StreamSupport.stream(table.path("trials").spliterator(), false).toList();
    }
}
