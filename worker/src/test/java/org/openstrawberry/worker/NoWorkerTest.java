package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** What is said where a real Temporal server has nobody to do the work. */
@EnabledIf("org.openstrawberry.worker.TestProcesses#hasTemporal")
class NoWorkerTest {
    private final TinyRun run;
    private final TestProcesses processes;

    NoWorkerTest(@TempDir Path folder) {
        run = new TinyRun(folder);
        processes = new TestProcesses(folder);
    }

    @AfterEach
    void close() {
        processes.close();
    }

    @Test
    void whoStartsARunIsToldThatAWorkerIsMissingUntilThereIsOne() throws Exception {
        processes.startServer();
        Said alone = start("first");
        assertThat(alone.code()).isZero();
        assertThat(alone.err())
                .startsWith("No worker asks " + processes.server() + "/default for work")
                .hasLineCount(1);

        processes.worker("worker");
        TestProcesses.await(
                "a worker",
                () -> Said.by(List.of("show", "first", "--server", processes.server()))
                        .err()
                        .isEmpty());
        assertThat(start("second").err()).isEmpty();
    }

    private Said start(String id) throws IOException {
        return Said.by(run.start(id, processes.server(), "until.iterations=1", "warmup=null"));
    }
}
