package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** The pages of the docs that are made from the program are those of this program. */
class DocsPagesTest {
    /** To mend it: {@code ./strawberry docs keys > docs/reference.md}, and so for the commands. */
    @ParameterizedTest
    @CsvSource({"keys, reference.md", "commands, commands.md"})
    void thePageIsWhatTheProgramSays(String page, String file) throws IOException {
        assertThat(Files.readString(Path.of("..", "docs", file)))
                .isEqualTo(Said.by(List.of("docs", page)).out());
    }

    /** A choice may speak for itself. */
    @Test
    void everyKeyIsExplained() {
        assertThat(Said.by(List.of("docs", "keys")).out().lines().filter(line -> line.startsWith("| `")))
                .hasSizeGreaterThan(150)
                .allMatch(line -> !line.endsWith("|  |")
                        || line.contains("| `") && line.matches(".*\\| `[^|]*`, `.*")
                        || line.contains("*required*"));
    }
}
