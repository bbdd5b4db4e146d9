package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** Schedules on a real Temporal server. */
@EnabledIf("org.openstrawberry.worker.TestProcesses#hasTemporal")
class ServerScheduleTest {
    private final TinyRun run;
    private final TestProcesses processes;

    ServerScheduleTest(@TempDir Path folder) {
        run = new TinyRun(folder);
        processes = new TestProcesses(folder);
    }

    @AfterEach
    void close() {
        processes.close();
    }

    @Test
    void aScheduleStartsRunsThatDoNotOverlap() throws Exception {
        processes.startServer();
        create("often", "--every", "1s");

        TestProcesses.await(
                "a firing that is skipped", () -> only().path("skipped").asInt() > 0);
        schedule("pause", "often");
        assertThat(only().path("started").asInt()).isEqualTo(1);
        assertThat(only().path("paused").asBoolean()).isTrue();

        processes.worker("worker");
        String first = only().path("runs").path(0).asText();
        assertThat(first).startsWith("often-20");
        strawberry("result", first);
        assertTrained(first);

        schedule("trigger", "often");
        TestProcesses.await("the triggered run", () -> only().path("runs").size() == 2);
        String second = only().path("runs").path(1).asText();
        strawberry("result", second);
        assertTrained(second);
        assertThat(run.outcome("runs/" + second)).isEqualTo(run.outcome("runs/" + first));
        assertThat(processes.tool("workflow", "list", "--query", "StrawberryTask = 'letter-count'"))
                .contains(first, second);
        assertThat(refusedTrain(first)).contains("the run is on the Temporal server");
        strawberry("fork", second, "--at-iteration", "2", "--id", "fork");
        strawberry("result", "fork");
        assertThat(run.outcome("runs/fork")).isEqualTo(run.outcome("runs/" + second));

        schedule("resume", "often");
        assertThat(only().path("paused").asBoolean()).isFalse();
        schedule("delete", "often");
        TestProcesses.await("the deletion", () -> schedule("list").isEmpty());
        refused(saying("trigger", List.of("often")), "often: no such schedule");
    }

    @Test
    void whatTheServerRefusesIsToldInOneLine() throws Exception {
        processes.startServer();
        create("nightly", "--cron", "0 2 * * *");

        refused(saying("create", settings("nightly", "--every", "1h")), "nightly: there is a schedule of that name");
        refused(saying("create", settings("other", "--cron", "0 99 * * *")), "0 99 * * *");
        refused(saying("create", settings("other", "--every", "1h", "--set", "dpo.beta=-1")), "dpo.beta: must be");
        refused(
                saying("create", settings("other", "--every", "1h", "--set", "data.prompts=nowhere.jsonl")),
                "nowhere.jsonl");
        for (String action : List.of("pause", "resume", "trigger", "delete")) {
            refused(saying(action, List.of("other")), "other: no such schedule");
        }
        assertThat(run.directory("runs")).doesNotExist();
    }

    private static void refused(Said said, String words) {
        assertThat(said.err()).contains(words).hasLineCount(1);
        assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
    }

    private void create(String name, String... options) {
        schedule("create", settings(name, options).toArray(String[]::new));
    }

    private List<String> settings(String name, String... options) {
        List<String> arguments = new ArrayList<>(run.train("runs", "until.iterations=3"));
        arguments.set(0, name);
        arguments.addAll(List.of(options));
        return arguments;
    }

    private String schedule(String action, String... arguments) {
        Said said = saying(action, List.of(arguments));
        assertThat(said.err()).isEmpty();
        assertThat(said.code()).isZero();
        return said.out();
    }

    private void strawberry(String... arguments) {
        List<String> command = new ArrayList<>(List.of(arguments));
        command.addAll(List.of("--server", processes.server()));
        Said said = Said.by(command);
        assertThat(said.code()).as(said.err()).isZero();
    }

    private Said saying(String action, List<String> arguments) {
        List<String> command = new ArrayList<>(List.of("schedule", action));
        command.addAll(arguments);
        command.addAll(List.of("--json", "--server", processes.server()));
        return Said.by(command);
    }

    private JsonNode only() {
        try {
            return new ObjectMapper().readTree(schedule("list"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void assertTrained(String id) {
        Path directory = run.directory("runs").resolve(id);
        assertThat(directory.resolve("policy/model.safetensors")).exists();
        assertThat(directory.resolve("server.txt")).hasContent(processes.server() + "/default as " + id);
    }

    private String refusedTrain(String id) throws IOException {
        Path directory = run.directory("runs").resolve(id);
        assertThat(Files.exists(directory)).isTrue();
        return Said.by(List.of("train", directory.resolve("run.yaml").toString(), "--run-dir", directory.toString()))
                .err();
    }
}
