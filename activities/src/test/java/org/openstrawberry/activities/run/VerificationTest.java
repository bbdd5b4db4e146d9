package org.openstrawberry.activities.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.RunLayout;

/** Whole runs are verified by the tests of the command line. */
class VerificationTest {
    @Test
    void whatARunUnderWayHadOnlyNotWrittenYetIsNoFault(@TempDir Path run) throws IOException {
        Files.writeString(run.resolve(RunLayout.RUN_FILE), "name: run\n");

        Verification verified = Verification.of(run, () -> goOn(run));

        assertThat(verified.faults())
                .noneMatch(fault -> fault.contains(RunLayout.RUN_FILE_HASH + ": missing"))
                .anyMatch(fault -> fault.contains(RunLayout.INPUTS + ": missing"));
        assertThat(Verification.of(run).isWhole()).isFalse();
    }

    private static void goOn(Path run) {
        try {
            Files.writeString(run.resolve(RunLayout.RUN_FILE_HASH), "0".repeat(64));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
