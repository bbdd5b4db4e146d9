package org.openstrawberry.activities.run;

import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.openstrawberry.workflows.steps.RunRef;

/** The runs that this process has worked on. */
public final class Runs {
    private final Map<String, Run> byDirectory = new ConcurrentHashMap<>();

    /** The run behind a reference, opened at its first step in this process. */
    public Run open(RunRef ref) {
        return byDirectory.computeIfAbsent(ref.directory(), directory -> new Run(Path.of(directory)));
    }
}
