package org.openstrawberry.worker;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Packs a run that is over. */
@Command(
        name = "export",
        mixinStandardHelpOptions = true,
        description =
                "Pack a run that is over into a ZIP file: policy, model card, report, and all it takes to train it"
                        + " again.")
final class ExportCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "RUN_DIR", description = "A run directory.")
    private Path directory = Path.of("");

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FILE",
            description = "By default RUN_DIR.zip beside the run directory.")
    private @Nullable Path output;

    @Override
    public Integer call() throws Exception {
        Path whole = directory.toAbsolutePath().normalize();
        Path file = output == null ? whole.resolveSibling(whole.getFileName() + ".zip") : output;
        RunArchive.pack(directory, file);
        System.out.println(file + "  " + DirectoryCommands.bytes(Files.size(file)));
        return 0;
    }
}
