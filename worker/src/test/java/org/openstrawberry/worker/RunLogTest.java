package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** The log for programs. */
class RunLogTest {
    @Test
    void aJsonLineTellsItsRunPhaseAndIteration(@TempDir Path folder) throws IOException {
        TinyRun run = new TinyRun(folder);
        List<String> arguments = run.train("run", "until.iterations=1", "warmup=null", "data.held-out=null");
        arguments.add("--log-json");
        assertThat(Said.by(arguments).code()).isZero();

        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(run.directory("run").resolve("log"))) {
            lines.add(new ObjectMapper().readTree(line));
        }
        // From the tensor thread: the step that computes is another thread's.
        assertThat(lines).anySatisfy(line -> {
            assertThat(line.path("formattedMessage").asText()
                            + line.path("message").asText())
                    .contains("policy from the checkpoint");
            assertThat(line.path("mdc").path("run").asText()).isEqualTo("letter-count");
            assertThat(line.path("mdc").path("phase").asText()).isEqualTo("generate");
            assertThat(line.path("mdc").path("iteration").asText()).isEqualTo("1");
        });
    }
}
