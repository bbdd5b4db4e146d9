package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.worker.Markdown.Block;

/**
 * The tutorial, done as it says. A block behind {@code <!-- file: PATH -->} is that file; of a console block every line
 * that begins with {@code $} is run by a shell, and has to print the lines below it, where {@code …} stands for anything.
 * Behind {@code <!-- numbers vary -->} any number will do, behind {@code <!-- output varies -->} any output.
 */
class TutorialTest {
    private static final String FILE = "file: ";
    private static final Pattern NUMBER = Pattern.compile("-?\\d[\\d.,]*");
    private static final Pattern EXIT_CODE = Pattern.compile("\\[exit code (\\d+)]\n");

    private final Path folder;

    TutorialTest(@TempDir Path folder) {
        this.folder = folder;
    }

    /** A command and what the page says that it prints. */
    private record Step(int line, String command, String expected, String variation) {}

    @Test
    void whatTheTutorialSaysIsWhatHappens() throws Exception {
        assumeTrue(runs("python3", "--version"), "needs python3, as the tutorial's reader does");
        linkLauncher();
        int steps = 0;
        for (Block block : Markdown.read(Path.of("..", "docs", "tutorial.md")).blocks()) {
            if (block.comment().startsWith(FILE)) {
                Path file = folder.resolve(block.comment().substring(FILE.length()));
                Files.createDirectories(file.getParent());
                Files.writeString(file, block.text());
            } else {
                assertThat(block.language())
                        .as("the block in line %d", block.line())
                        .isEqualTo("console");
                for (Step step : steps(block)) {
                    take(step);
                    steps++;
                }
            }
        }
        assertThat(steps).isGreaterThan(10);
    }

    private static List<Step> steps(Block block) {
        List<Step> steps = new ArrayList<>();
        for (String part : block.text().split("(?m)^\\$ ")) {
            if (!part.isEmpty()) {
                int end = part.indexOf('\n');
                steps.add(new Step(block.line(), part.substring(0, end), part.substring(end + 1), block.comment()));
            }
        }
        return steps;
    }

    private void take(Step step) throws Exception {
        Path out = folder.resolve("out.txt");
        Process process = new ProcessBuilder("bash", "-c", step.command())
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        int code = process.waitFor();
        String said = Files.readString(out, StandardCharsets.UTF_8) + (code == 0 ? "" : "[exit code " + code + "]\n");

        if (step.variation().equals("output varies")) {
            assertThat(said).as(step.command()).isNotBlank().doesNotContainPattern(EXIT_CODE);
            return;
        }
        boolean numbers = step.variation().equals("numbers vary");
        assertThat(numbers ? masked(said) : said)
                .as("docs/tutorial.md, the block in line %d: %s", step.line(), step.command())
                .matches(pattern(numbers ? masked(step.expected()) : step.expected()));
    }

    private static String masked(String text) {
        return NUMBER.matcher(text).replaceAll("N");
    }

    /** A line of nothing but … stands for any lines, … inside a line for any text. */
    private static Pattern pattern(String expected) {
        return Pattern.compile(expected.lines()
                .map(line -> line.equals("…")
                        ? "(?:.*\n)*?"
                        : List.of(line.split("…", -1)).stream()
                                        .map(Pattern::quote)
                                        .collect(Collectors.joining(".*")) + "\n")
                .collect(Collectors.joining()));
    }

    /** In the place of the launcher, which wants the jars: the same program from the classes under test. */
    private void linkLauncher() throws IOException {
        Path launcher = folder.resolve("strawberry");
        String command = TestJava.main().stream().map(part -> "'" + part + "'").collect(Collectors.joining(" "));
        Files.writeString(
                launcher,
                "#!/usr/bin/env bash\nexport MKL_DYNAMIC=FALSE OMP_DYNAMIC=FALSE\nexec " + command + " \"$@\"\n");
        assertThat(launcher.toFile().setExecutable(true)).isTrue();
    }

    private static boolean runs(String... command) throws InterruptedException {
        try {
            return new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            return false;
        }
    }
}
