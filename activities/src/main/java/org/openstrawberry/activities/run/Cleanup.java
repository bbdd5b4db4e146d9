package org.openstrawberry.activities.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.openstrawberry.activities.policy.Checkpoints;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.CheckpointSpec;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.workflows.TrainingState.HeldOut;

/**
 * Frees what a run directory holds beyond need: checkpoints that no rule keeps, what killed attempts left behind, damaged
 * files that were moved aside, and on request the thoughts. The run can go on, be forked and be verified afterwards. The
 * caller holds the run's lock.
 *
 * @param freed files and folders, relative to the run directory
 * @param bytes of them
 */
public record Cleanup(List<String> freed, long bytes) {
    /** Of an iteration that is done, what no later step reads. */
    private static final String THOUGHTS = "(thoughts|scores|tree|wave)-.*";

    /**
     * What to free.
     *
     * @param keepLast newest checkpoints that stay; empty for the run's own setting
     * @param keepEvery a checkpoint of every so many iterations stays; empty for the run's own setting
     * @param thoughts whether the thoughts and scores of finished iterations go too: thoughts can be replayed, scores are to
     *     be asked for again
     * @param dryRun whether it is only told
     */
    public record Wish(OptionalInt keepLast, OptionalInt keepEvery, boolean thoughts, boolean dryRun) {}

    /** @throws InvalidInputException if it is no run directory, or a server's workers may be writing to it */
    public static Cleanup of(Path directory, Wish wish) {
        if (!Files.exists(directory.resolve(RunLayout.RUN_FILE))) {
            throw new InvalidInputException(directory + ": not a run directory, it has no " + RunLayout.RUN_FILE);
        }
        if (!Files.exists(directory.resolve(RunLayout.RESULT))) {
            RunSetup.serverOf(directory).ifPresent(server -> {
                throw new InvalidInputException(directory + ": the run is on the Temporal server " + server
                        + " and not over; expected a run that nobody works on");
            });
        }
        try {
            List<String> superfluous = superfluous(directory, wish);
            long bytes = 0;
            for (String path : superfluous) {
                bytes += size(directory.resolve(path));
                if (!wish.dryRun()) {
                    DurableFiles.deleteFolder(directory.resolve(path));
                }
            }
            return new Cleanup(superfluous, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<String> superfluous(Path directory, Wish wish) throws IOException {
        Run run = new Run(directory);
        CheckpointSpec own = run.spec().checkpoints();
        CheckpointSpec rule = new CheckpointSpec(
                own.every(),
                wish.keepLast().orElse(own.keepLast()),
                wish.keepEvery().orElse(own.keepEvery()));
        int last = RunSetup.lastRecorded(directory);
        int best = RunSetup.record(directory, last)
                .flatMap(record -> record.state().heldOut())
                .map(HeldOut::bestIteration)
                .orElse(0);
        List<String> paths = new ArrayList<>(
                new Checkpoints(directory).unkept(rule, run.spec().sampling().ahead(), best));
        paths.addAll(leftovers(directory));
        if (wish.thoughts()) {
            for (int number = 1; number <= last; number++) {
                for (Path file : DurableFiles.list(directory.resolve(RunLayout.iteration(number)))) {
                    if (file.getFileName().toString().matches(THOUGHTS)) {
                        paths.add(directory.relativize(file).toString());
                    }
                }
            }
        }
        return paths;
    }

    private static List<String> leftovers(Path directory) throws IOException {
        List<String> left = new ArrayList<>();
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.toList()) {
                String name = String.valueOf(path.getFileName());
                String place = directory.relativize(path).toString();
                boolean aside = name.matches(".*\\.invalid-\\d+");
                boolean killed =
                        name.startsWith(".") && name.endsWith(".tmp") || place.equals(RunLayout.POLICY + ".next");
                if ((aside || killed)
                        && left.stream().noneMatch(folder -> Path.of(place).startsWith(folder))) {
                    left.add(place);
                }
            }
        }
        return left;
    }

    private static long size(Path path) throws IOException {
        try (Stream<Path> all = Files.walk(path)) {
            return all.filter(Files::isRegularFile)
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        }
    }
}
