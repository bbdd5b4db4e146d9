package org.openstrawberry.worker.live;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.workflows.IterationMetrics;

/** Rows as their file grows. */
class MetricsTailTest {
    private final Path folder;
    private final Path file;

    MetricsTailTest(@TempDir Path folder) {
        this.folder = folder;
        file = folder.resolve("metrics.jsonl");
    }

    @Test
    void onlyWholeRowsAreThere() throws IOException {
        MetricsTail tail = new MetricsTail(folder);
        assertThat(tail.rows()).isEmpty();
        Files.writeString(file, "{\"iteration\":0,\"loss\":1}\n{\"iteration\":1,");
        assertThat(tail.rows()).extracting(IterationMetrics::iteration).containsExactly(0);
        Files.writeString(file, "\"loss\":2}\n", StandardOpenOption.APPEND);
        assertThat(tail.rows()).extracting(IterationMetrics::iteration).containsExactly(0, 1);
    }

    @Test
    void aFileInItsPlaceIsReadFromItsStartAlsoWhereItIsLonger() throws IOException {
        MetricsTail tail = new MetricsTail(folder);
        Files.writeString(file, "{\"iteration\":0,\"loss\":1}\n");
        assertThat(tail.rows()).hasSize(1);
        Path other = folder.resolve("other");
        Files.writeString(other, "{\"iteration\":0,\"loss\":7}\n{\"iteration\":1,\"loss\":8}\n");
        Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);

        assertThat(tail.rows())
                .extracting(row -> row.value("loss").orElseThrow())
                .containsExactly(7.0, 8.0);
    }
}
