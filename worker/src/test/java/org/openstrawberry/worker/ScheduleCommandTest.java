package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** What is refused before any server is asked. */
class ScheduleCommandTest {
    @Test
    void whatCannotBeReadIsToldInOneLine() {
        refused("--every: found \"soon\", expected a whole number and s, m, h or d", "nightly", "--every", "soon");
        refused("--every: found \"0s\"", "nightly", "--every", "0s");
        refused("--cron, --every: found neither", "nightly");
        refused("--cron, --every: found both", "nightly", "--every", "1h", "--cron", "0 2 * * *");
        refused(
                "--overlap: found \"sometimes\", expected one of skip, buffer-one",
                "nightly",
                "--every",
                "1h",
                "--overlap",
                "sometimes");
        refused("NAME: found \"a/b\"", "a/b", "--every", "1h");
    }

    private static void refused(String words, String... arguments) {
        List<String> command = new ArrayList<>(List.of("schedule", "create"));
        command.addAll(List.of(arguments));
        Said said = Said.by(command);
        assertThat(said.err()).contains(words).hasLineCount(1);
        assertThat(said.code()).isEqualTo(Main.BAD_INPUT);
    }
}
