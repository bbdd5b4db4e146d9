package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The index of what other programs got wrong names tests that are there. */
class KnownBugsTest {
    private static final Path INDEX = Path.of("..", "docs", "known-bugs.md");
    private static final Pattern NAMED = Pattern.compile("`(\\w+Test)\\.(\\w+)`");

    @Test
    void everyTestThatTheIndexNamesIsThere() throws IOException {
        Map<String, Path> classes = testClasses();
        List<MatchResult> named =
                NAMED.matcher(Files.readString(INDEX)).results().toList();
        assertThat(named).isNotEmpty();

        List<String> missing = new ArrayList<>();
        for (MatchResult test : named) {
            Path file = classes.get(test.group(1));
            if (file == null || !Files.readString(file).contains(" void " + test.group(2) + "(")) {
                missing.add(test.group());
            }
        }
        assertThat(missing).isEmpty();
    }

    @Test
    void everyRowOfTheIndexNamesATestOrSaysWhyNot() throws IOException {
        assertThat(Files.readAllLines(INDEX).stream()
                        .filter(line -> line.startsWith("| "))
                        .filter(line -> !line.startsWith("| reported in"))
                        .filter(line -> !NAMED.matcher(line).find()))
                .allMatch(line -> line.contains("| does not apply: "));
    }

    /** By simple name; no two test classes share one. */
    private static Map<String, Path> testClasses() throws IOException {
        try (Stream<Path> files = Files.find(
                Path.of(".."),
                20,
                (file, attributes) -> file.toString().contains("/src/test/java/")
                        && file.toString().endsWith("Test.java"))) {
            return files.collect(
                    Collectors.toMap(file -> file.getFileName().toString().replace(".java", ""), Function.identity()));
        }
    }
}
