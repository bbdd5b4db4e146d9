package org.openstrawberry.worker;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** Programs that some tests drive, where they are installed; see tools/test-programs. */
final class MonitoringPrograms {
    private MonitoringPrograms() {}

    static boolean has(String name) {
        return Arrays.stream(
                        Optional.ofNullable(System.getenv("PATH")).orElse("").split(File.pathSeparator))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, name)));
    }
}
