package org.openstrawberry.model.pretrained;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;

/** Checks in a process where the start of PyTorch would fail. */
class WithoutEngineTest {
    private final Path directory;

    WithoutEngineTest(@TempDir Path directory) {
        this.directory = directory;
    }

    @Test
    void checkingTokenisingAndInitialisingDoNotStartPyTorch() throws Exception {
        assertThat(run(
                        "check",
                        Vectors.model("llama").toString(),
                        directory.resolve("made").toString()))
                .endsWith("checked\n");
    }

    @Test
    void startingPyTorchThereFails() throws Exception {
        assertThat(run("start")).doesNotContain("started").contains("no-such-library");
    }

    private static String run(String... arguments) throws IOException, InterruptedException {
        String[] command = new String[4 + arguments.length];
        command[0] = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        command[1] = "-cp";
        command[2] = System.getProperty("java.class.path");
        command[3] = Program.class.getName();
        System.arraycopy(arguments, 0, command, 4, arguments.length);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("PYTORCH_EXTRA_LIBRARY_PATH", "no-such-library");
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return output;
    }

    /** What runs in the process. */
    static final class Program {
        private Program() {}

        public static void main(String[] arguments) {
            if (arguments[0].equals("start")) {
                Torch.start(1, "cpu").close();
                System.out.println("started");
                return;
            }
            ModelDirectory model = ModelDirectory.open(Path.of(arguments[1]));
            try (Tokenizer tokenizer = model.tokenizer()) {
                tokenizer.encode("boats");
            }
            ModelInitializer.init(Path.of(arguments[1]), 7, Path.of(arguments[2]));
            System.out.println("checked");
        }
    }
}
