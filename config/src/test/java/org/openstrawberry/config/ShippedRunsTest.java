package org.openstrawberry.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShippedRunsTest {

    /** The working directory of the tests is the module's. */
    private static final Path CHECKOUT = Path.of("runs");

    private final Path folder;

    ShippedRunsTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    void theListNamesExactlyTheFilesThatAreThere() throws IOException {
        List<String> listed = Files.readAllLines(CHECKOUT.resolve("files.txt"));

        assertThat(listed)
                .containsExactlyInAnyOrderElementsOf(filesBelow(CHECKOUT).stream()
                        .filter(file -> !file.equals("files.txt"))
                        .toList());
    }

    @Test
    void everyRunFileThatIsThereIsReadAndTheFilesThatItNamesAreThere() throws IOException {
        List<String> runFiles = filesBelow(CHECKOUT).stream()
                .filter(file -> file.endsWith(".yaml"))
                .toList();
        assertThat(runFiles).contains("letter-count.yaml", "letter-count/reward-model.yaml");
        for (String file : runFiles) {
            RunSpec spec = RunFile.read(CHECKOUT.resolve(file), List.of());

            assertThat(Path.of(spec.model().policy())).as(file).isDirectory();
            assertThat(Path.of(spec.data().prompts())).as(file).isRegularFile();
            spec.data()
                    .heldOut()
                    .ifPresent(heldOut -> assertThat(Path.of(heldOut)).as(file).isRegularFile());
            spec.warmup()
                    .ifPresent(warmup ->
                            assertThat(Path.of(warmup.data())).as(file).isRegularFile());
        }
    }

    @Test
    void aRunIsCopiedByteForByte() throws IOException {
        Path target = folder.resolve("a/b");

        Path copy = ShippedRuns.copyTo("letter-count", target);

        assertThat(copy).isEqualTo(target.resolve("letter-count.yaml"));
        assertThat(filesBelow(target)).containsExactlyInAnyOrderElementsOf(filesOf("letter-count"));
        for (String file : filesBelow(target)) {
            assertThat(target.resolve(file)).hasSameBinaryContentAs(CHECKOUT.resolve(file));
        }
    }

    @Test
    void copyingAgainAddsWhatIsMissingAndLeavesTheRest() throws IOException {
        ShippedRuns.copyTo("letter-count", folder);
        Files.delete(folder.resolve("letter-count/train.jsonl"));
        Path left = folder.resolve("letter-count/heldout.jsonl");
        Object before = Files.readAttributes(left, "*").get("fileKey");

        ShippedRuns.copyTo("letter-count", folder);

        assertThat(filesBelow(folder)).containsExactlyInAnyOrderElementsOf(filesOf("letter-count"));
        assertThat(Files.readAttributes(left, "*").get("fileKey")).isEqualTo(before);
    }

    @Test
    void anotherFileInThePlaceOfACopyIsNotReplaced() throws IOException {
        Path own = folder.resolve("letter-count/train.jsonl");
        Files.createDirectories(folder.resolve("letter-count"));
        Files.writeString(own, "mine");

        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> ShippedRuns.copyTo("letter-count", folder))
                .withMessage(own + ": differs from the shipped file of that name; move it away to use the shipped run");
        assertThat(own).hasContent("mine");
    }

    @Test
    void aFileInThePlaceOfTheDirectoryIsNamed() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "");

        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> ShippedRuns.copyTo("letter-count", file))
                .withMessage(file + ": is a file; expected a directory");
    }

    @Test
    void anUnknownRunIsAnsweredWithTheKnownOnes() {
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> ShippedRuns.copyTo("letter", folder))
                .withMessage("letter: no shipped run of that name; there are: arithmetic-chain, letter-count");
    }

    @Test
    void theDemoIsWhatItsRecipeSays() {
        RunSpec spec = RunFile.shipped("letter-count", folder, List.of("until.iterations=5"));

        assertThat(spec.name()).isEqualTo("letter-count");
        assertThat(spec.model().policy())
                .isEqualTo(folder.resolve("letter-count/base").toString());
        assertThat(spec.sampling().prompts()).isEqualTo(32);
        assertThat(spec.sampling().branches()).isEqualTo(8);
        assertThat(spec.pairs().perPrompt()).isEqualTo(2);
        assertThat(spec.reward().kind()).isEqualTo(new VerifierSpec.Numeric("answer", "=", false, true, true, 0, 0));
        assertThat(spec.until().iterations()).isEqualTo(5);
    }

    @Test
    void theDemosFilesAreWhatTheRunFileSays() {
        RunSpec spec = RunFile.shipped("letter-count", folder, List.of());

        assertThat(DataFiles.readPrompts(
                        Path.of(spec.data().prompts()), spec.data().promptField()))
                .hasSizeGreaterThan(1_000)
                .allSatisfy(row -> assertThat(row.fields().get("answer")).isNotNull());
        assertThat(DataFiles.readPrompts(
                        Path.of(spec.data().heldOut().orElseThrow()),
                        spec.data().promptField()))
                .first()
                .extracting(PromptRow::prompt)
                .isEqualTo("r in strawberry?");
        assertThat(DataFiles.readWarmup(Path.of(spec.warmup().orElseThrow().data())))
                .hasSizeGreaterThan(10_000);
        assertThat(folder.resolve("letter-count/base/config.json")).isNotEmptyFile();
    }

    private static List<String> filesOf(String run) throws IOException {
        return Files.readAllLines(CHECKOUT.resolve("files.txt")).stream()
                .filter(file ->
                        file.equals(run + ".yaml") || file.startsWith(run + "/") || file.equals(RunFileSchema.FILE))
                .toList();
    }

    private static List<String> filesBelow(Path root) throws IOException {
        try (Stream<Path> paths = Files.walk(root)) {
            return paths.filter(Files::isRegularFile)
                    .map(path -> root.relativize(path).toString().replace('\\', '/'))
                    .toList();
        }
    }
}
