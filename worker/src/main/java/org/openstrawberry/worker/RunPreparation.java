package org.openstrawberry.worker;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.data.PromptData;
import org.openstrawberry.activities.run.InputChecks;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.activities.store.RunLock;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.Strawberry;
import org.openstrawberry.workflows.client.Strawberry.OnRunning;

/**
 * A run as the command line names it: its settings and its directory.
 *
 * @param directory absolute
 */
record RunPreparation(RunSpec spec, Path directory) {
    private static final String SHIPPED = "letter-count";

    /**
     * Reads a run file, or the shipped one, which it copies into the run directory with its data.
     *
     * @param runFile null for the shipped run
     * @param runDirectory null for {@code runs/NAME}
     */
    static RunPreparation read(@Nullable Path runFile, @Nullable Path runDirectory, List<String> sets) {
        if (runFile != null) {
            if (Files.exists(runFile.resolve(RunLayout.RUN_FILE))) {
                throw new InvalidInputException(runFile + ": is a run directory, expected a run file; "
                        + runFile.resolve(RunLayout.RUN_FILE) + " --run-dir " + runFile + " goes on with it");
            }
            RunSpec spec = RunFile.read(runFile, sets);
            return new RunPreparation(
                    spec, absolute(runDirectory == null ? Path.of("runs", spec.name()) : runDirectory));
        }
        Path directory = absolute(runDirectory == null ? Path.of("runs", SHIPPED) : runDirectory);
        try (RunLock lock = RunLock.acquire(directory)) {
            return new RunPreparation(RunFile.shipped(SHIPPED, directory.resolve("input"), sets), directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path absolute(Path path) {
        return path.toAbsolutePath().normalize();
    }

    /** Refuses a directory that a server's workers write into. */
    void requireNoServer() {
        RunSetup.serverOf(directory).ifPresent(server -> {
            throw new InvalidInputException(directory + ": the run is on the Temporal server " + server
                    + "; expected --server, or another --run-dir");
        });
    }

    /**
     * Prepares the directory and starts the run on a server.
     *
     * @throws InvalidInputException if the run is running already, or anything of it is at fault
     */
    RunHandle start(Strawberry strawberry, String id) {
        try (RunLock lock = RunLock.acquire(directory)) {
            prepareOn(strawberry, id, new InputChecks());
            tellWhatIsLeftOut();
            return strawberry.start(id, spec, directory.toString(), OnRunning.FAIL);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Says what a prepared run leaves out or holds out of the prompts, and where its chat template surprises. */
    void tellWhatIsLeftOut() {
        PromptData.Report report = Json.read(directory.resolve(RunLayout.DATA), PromptData.Report.class);
        Stream.concat(Stream.of(report.prompts()), report.heldOut().stream())
                .filter(file -> file.used() < file.rows())
                .forEach(file -> System.err.println(file.words()));
        new Run(directory).chatWarning().map(TerminalText::wrapped).ifPresent(System.err::println);
    }

    /** Prepares the directory for a run on a server. The caller holds the run's lock. */
    void prepareOn(Strawberry strawberry, String id, InputChecks checks) {
        String place = strawberry.address() + " as " + id;
        RunSetup.serverOf(directory).filter(other -> !other.equals(place)).ifPresent(other -> {
            throw new InvalidInputException(
                    directory + ": the run is on the Temporal server " + other + ", found " + place);
        });
        RunSetup.prepare(spec, directory, checks);
        RunSetup.claim(directory, strawberry.address(), id);
    }
}
