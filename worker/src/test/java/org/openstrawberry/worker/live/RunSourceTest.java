package org.openstrawberry.worker.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.temporal.client.WorkflowOptions;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.ShippedRuns;
import org.openstrawberry.worker.EmbeddedTemporal;
import org.openstrawberry.workflows.client.Strawberry.OnRunning;

/** Which of a server's workflows are shown. */
class RunSourceTest {
    @Test
    void ofAServersWorkflowsOnlyRunsAreFound(@TempDir Path folder) throws Exception {
        ShippedRuns.copyTo("letter-count", folder);
        RunSpec spec = RunFile.read(folder.resolve("letter-count.yaml"), List.of());
        try (EmbeddedTemporal temporal = EmbeddedTemporal.start()) {
            temporal.connection().start("run", spec, "/runs/run", OnRunning.FAIL);
            temporal.client()
                    .newUntypedWorkflowStub(
                            "Invoices",
                            WorkflowOptions.newBuilder()
                                    .setWorkflowId("invoices")
                                    .setTaskQueue("invoices")
                                    .build())
                    .start();
            RunSource.All runs = new RunSource.All(temporal.connection());

            assertThat(runs.find("invoices")).isEmpty();
            assertThat(runs.find("nothing")).isEmpty();
            RunSource.Shown found = runs.find("run").orElseThrow();
            assertThat(found.directory()).isEqualTo(Path.of("/runs/run"));
            assertThat(runs.isStill(found)).isTrue();
        }
    }
}
