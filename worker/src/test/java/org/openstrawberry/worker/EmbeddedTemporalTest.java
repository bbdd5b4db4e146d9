package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.client.RunHandle;

class EmbeddedTemporalTest {
    /** By reflection, as it is done: another version of the server that names things otherwise is noticed here. */
    @Test
    void theServerKeepsNoNotesOfWhatIsOver(@TempDir Path folder) throws ReflectiveOperationException {
        TinyRun run = new TinyRun(folder);
        RunSpec spec = RunFile.read(run.file(), run.settings("until.iterations=3"));
        Path directory = run.directory("run");
        RunSetup.prepare(spec, directory);
        try (EmbeddedTemporal temporal = EmbeddedTemporal.start();
                Tensors tensors = new Tensors();
                RunWorkers workers =
                        new RunWorkers(temporal.client(), new SimpleMeterRegistry(), tensors, new Rewards())) {
            workers.start();
            RunHandle.start(temporal.client(), "run", TrainingInput.start(spec, directory.toString()))
                    .result()
                    .block();

            Object timer = LockNotes.timer(temporal.server());
            assertThat((List<?>) LockNotes.list(timer).get(timer)).isEmpty();
        }
    }
}
