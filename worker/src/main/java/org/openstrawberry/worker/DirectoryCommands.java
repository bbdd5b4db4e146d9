package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.run.Cleanup;
import org.openstrawberry.activities.run.DiskUse;
import org.openstrawberry.activities.run.Verification;
import org.openstrawberry.activities.store.RunLock;
import org.openstrawberry.config.InvalidInputException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The commands that look after a run directory: whether it is whole, where its space is, and what it can do without. */
final class DirectoryCommands {
    private DirectoryCommands() {}

    /** Computes every hash again. */
    @Command(
            name = "verify",
            mixinStandardHelpOptions = true,
            description =
                    "Compute every hash of a run directory again; exit code 1 and the file's name where one differs.")
    static final class Verify implements Callable<Integer> {
        @Parameters(index = "0", paramLabel = "RUN_DIR", description = "A run directory.")
        private Path directory = Path.of("");

        @Option(names = "--json", description = "Print JSON.")
        private boolean json;

        @Override
        public Integer call() throws Exception {
            Verification found = Verification.of(directory);
            if (json) {
                System.out.println(new ObjectMapper().writeValueAsString(found));
            } else {
                found.faults().forEach(System.err::println);
                found.aside().forEach(file -> System.out.println(file + ": was damaged, and is replaced"));
                System.out.println(directory + ": " + counted(found.files(), "file") + " compared, "
                        + (found.isWhole()
                                ? "all as recorded"
                                : counted(found.faults().size(), "fault")));
            }
            return found.isWhole() ? 0 : Main.FAILED;
        }
    }

    /** Shows where the space is. */
    @Command(name = "du", mixinStandardHelpOptions = true, description = "Show where the space of a run directory is.")
    static final class Space implements Callable<Integer> {
        @Parameters(index = "0", paramLabel = "RUN_DIR", description = "A run directory.")
        private Path directory = Path.of("");

        @Option(names = "--json", description = "Print JSON.")
        private boolean json;

        @Override
        public Integer call() throws Exception {
            DiskUse use = DiskUse.of(directory);
            if (json) {
                Map<String, Object> line = new LinkedHashMap<>();
                line.put("whole", use.whole());
                line.put("parts", use.parts());
                System.out.println(new ObjectMapper().writeValueAsString(line));
                return 0;
            }
            use.parts().forEach(Space::print);
            print(use.whole());
            return 0;
        }

        private static void print(DiskUse.Part part) {
            System.out.println(String.format(
                    Locale.ROOT,
                    "%10s  %7d  %s%s",
                    bytes(part.bytes()),
                    part.files(),
                    part.kind(),
                    part.shared() > 0 ? "  (" + bytes(part.shared()) + " shared with other runs)" : ""));
        }
    }

    /** Frees what is not needed. */
    @Command(
            name = "gc",
            mixinStandardHelpOptions = true,
            description =
                    "Free what a run directory can do without: checkpoints that no rule keeps, and what faults left"
                            + " behind. The run can still go on, be forked and be verified.")
    static final class Free implements Callable<Integer> {
        @Parameters(index = "0", paramLabel = "RUN_DIR", description = "A run directory that nobody works on.")
        private Path directory = Path.of("");

        @Option(
                names = "--keep-last",
                paramLabel = "N",
                description = "Newest checkpoints that stay; by default checkpoints.keep-last of the run.")
        private @Nullable Integer keepLast;

        @Option(
                names = "--keep-every",
                paramLabel = "N",
                description = "Checkpoints of iterations that N divides stay too, 0 for none; by default"
                        + " checkpoints.keep-every of the run.")
        private @Nullable Integer keepEvery;

        @Option(
                names = "--thoughts",
                description = "Free the thoughts and scores of finished iterations too. Pairs stay.")
        private boolean thoughts;

        @Option(names = "--dry-run", description = "Only tell what would be freed.")
        private boolean dryRun;

        @Override
        public Integer call() throws Exception {
            Cleanup.Wish wish = new Cleanup.Wish(
                    atLeast(1, "--keep-last", keepLast), atLeast(0, "--keep-every", keepEvery), thoughts, dryRun);
            DiskUse.of(directory); // says so where it is no run directory, before a lock makes it look like one
            try (RunLock lock = RunLock.acquire(directory)) {
                Cleanup done = Cleanup.of(directory, wish);
                done.freed().forEach(System.out::println);
                System.out.println((dryRun ? "would free " : "freed ") + bytes(done.bytes()));
                return 0;
            }
        }

        private static OptionalInt atLeast(int least, String option, @Nullable Integer value) {
            if (value == null) {
                return OptionalInt.empty();
            }
            if (value < least) {
                throw new InvalidInputException(option + ": found " + value + ", expected at least " + least);
            }
            return OptionalInt.of(value);
        }
    }

    private static String counted(int number, String what) {
        return number + " " + what + (number == 1 ? "" : "s");
    }

    /** Such as 12.3 MB, in powers of ten. */
    static String bytes(long bytes) {
        if (bytes < 1_000) {
            return bytes + " B";
        }
        double value = bytes;
        String unit = "";
        for (String next : new String[] {"kB", "MB", "GB", "TB"}) {
            if (value >= 1_000) {
                value /= 1_000;
                unit = next;
            }
        }
        return String.format(Locale.ROOT, value < 10 ? "%.2f %s" : "%.1f %s", value, unit);
    }
}
