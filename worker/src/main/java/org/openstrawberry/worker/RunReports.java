package org.openstrawberry.worker;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.worker.report.Report;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The report that a run writes of itself. Whether it can be written never decides how the run ends. */
final class RunReports {
    private static final Logger log = LoggerFactory.getLogger(RunReports.class);

    private RunReports() {}

    /**
     * Writes a run's report into its directory.
     *
     * @return why it could not be written, in one line; empty where it was
     */
    static Optional<String> write(Path directory) {
        try {
            Report.write(directory);
            return Optional.empty();
        } catch (RuntimeException | LinkageError | StackOverflowError e) {
            log.error("{}: the report could not be written", directory, e);
            return Optional.of(
                    String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
        }
    }

    /** The same, unless it was written since the run ended. */
    static Optional<String> writeWhereStale(Path directory) {
        return isFresh(directory) ? Optional.empty() : write(directory);
    }

    /** Whether it was written since the run ended. */
    static boolean isFresh(Path directory) {
        Path report = directory.resolve(RunLayout.REPORT);
        Path result = directory.resolve(RunLayout.RESULT);
        try {
            return Files.exists(report)
                    && Files.exists(result)
                    && Files.getLastModifiedTime(report).compareTo(Files.getLastModifiedTime(result)) >= 0;
        } catch (IOException e) {
            return false;
        }
    }

    /** What is said of it on the console. */
    static String told(Path directory, Optional<String> failure) {
        return failure.map(
                        why -> "report   not written: " + why + "; ./strawberry report " + directory + " tries again")
                .orElse("report   " + directory.resolve(RunLayout.REPORT));
    }
}
