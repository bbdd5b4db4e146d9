package org.openstrawberry.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How a worker is tuned: defaults, a file, options. */
class WorkerFileTest {
    private final Path file;

    WorkerFileTest(@TempDir Path folder) {
        file = folder.resolve("worker.yaml");
    }

    @Test
    void optionsLieOverTheFileAndTheFileOverTheDefaults() throws IOException {
        Files.writeString(file, "slots: { thoughts: 4, rewards: 3 }\npollers: { rewards: 3 }\n");

        WorkerSpec spec = WorkerFile.read(Optional.of(file), List.of("rewards=5"), List.of("thoughts=2"));

        WorkerSpec defaults = WorkerFile.defaults();
        assertThat(spec.slots())
                .isEqualTo(new WorkerSpec.Counts(4, 5, defaults.slots().trainer()));
        assertThat(spec.pollers())
                .isEqualTo(new WorkerSpec.Counts(2, 3, defaults.pollers().trainer()));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            slots: { thoughts: 0 }           | :1:20: slots.thoughts: must be at least 1, found 0
            slots: { thougts: 2 }            | :1:10: slots.thougts: unknown key; did you mean slots.thoughts?
            slots: { rewards: many }         | :1:19: slots.rewards: expected a whole number, found "many"
            pollers: { rewards: 9 }          | :1:21: pollers.rewards: must be at most slots.rewards, found 9
            dpo: { beta: 1 }                 | :1:1: dpo: unknown key; expected slots or pollers
            """)
    void aMistakeIsNamedWithItsPlace(String text, String message) throws IOException {
        Files.writeString(file, text);

        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> WorkerFile.read(Optional.of(file), List.of(), List.of()))
                .withMessage(file + message);
    }

    @Test
    void aMistakeInAnOptionIsNamedWithTheOption() {
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> WorkerFile.read(Optional.empty(), List.of("thought=2"), List.of()))
                .withMessage("--slots thought=2: slots.thought: unknown key; did you mean slots.thoughts?");
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> WorkerFile.read(Optional.empty(), List.of("2"), List.of()))
                .withMessage("--slots 2: expected KEY=VALUE, such as thoughts=2");
    }
}
