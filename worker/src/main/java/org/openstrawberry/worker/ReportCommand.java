package org.openstrawberry.worker;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.worker.report.Report;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes the report of a run. */
@Command(
        name = "report",
        mixinStandardHelpOptions = true,
        description = "Write a run's report, one HTML file that needs nothing else; also while the run goes on.")
final class ReportCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "RUN_DIR", description = "A run directory.")
    private Path directory = Path.of("");

    @Option(
            names = "--compare",
            arity = "1..*",
            paramLabel = "OTHER",
            description = "Run directories to set beside it.")
    private List<Path> others = List.of();

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FILE",
            description = "By default report.html in the run directory.")
    private @Nullable Path output;

    @Override
    public Integer call() {
        Path file = output == null ? directory.resolve(RunLayout.REPORT) : output;
        Report.write(directory, others, file);
        System.out.println(file);
        return 0;
    }
}
