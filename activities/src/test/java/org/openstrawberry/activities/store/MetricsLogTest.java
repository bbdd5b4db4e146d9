package org.openstrawberry.activities.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.workflows.IterationMetrics;

class MetricsLogTest {
    private final Path file;
    private final MetricsLog log;

    MetricsLogTest(@TempDir Path folder) {
        file = folder.resolve(RunLayout.METRICS);
        log = new MetricsLog(folder);
    }

    @BeforeEach
    void threeRows() {
        for (int iteration = 0; iteration < 3; iteration++) {
            log.append(row(iteration));
        }
    }

    @Test
    void aRowStandsThereOnceHoweverOftenItIsWritten() throws IOException {
        log.append(row(2));
        log.append(row(2));
        assertThat(Files.readAllLines(file)).hasSize(3).last().isEqualTo("{\"iteration\":2,\"loss\":0.5}");
    }

    @Test
    void aProcessThatComesBackLateAddsNothing() throws IOException {
        log.append(row(1));
        log.append(row(3));
        log.append(row(0));
        assertThat(Files.readAllLines(file)).hasSize(4).doesNotHaveDuplicates();
    }

    @Test
    void aRowThatACrashHasTornIsWrittenOver() throws IOException {
        Files.writeString(file, "{\"iteration\":3,\"lo", StandardOpenOption.APPEND);
        log.append(row(3));
        assertThat(Files.readAllLines(file)).hasSize(4).last().isEqualTo("{\"iteration\":3,\"loss\":0.5}");
    }

    private static IterationMetrics row(int iteration) {
        return new IterationMetrics(iteration, Map.of("loss", 0.5));
    }
}
