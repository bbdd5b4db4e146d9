package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.openstrawberry.worker.TrainCommandTest.Said;

/**
 * What commands print, compared with files that someone has looked at ({@code src/test/resources/golden}). What differs
 * between machines is masked: numbers are N, hashes HASH, what a policy wrote TEXT, the run's folder FOLDER; a line that has
 * been there already is left out, since how often it comes depends on what was written. Help texts are in docs/commands.md.
 *
 * <p>To renew the files, and then look at what changed: {@code mvn test -pl worker -am -Dtest=GoldenOutputTest
 * -Dsurefire.failIfNoSpecifiedTests=false -Dgolden=write}.
 */
class GoldenOutputTest {
    private static final Path GOLDEN = Path.of("src", "test", "resources", "golden");
    private static final Pattern HASH = Pattern.compile("\\b[0-9a-f]{64}\\b");
    private static final Pattern NUMBER = Pattern.compile("-?\\b\\d[\\d.,]*(E-?\\d+)?\\b");
    private static final Pattern WRITTEN = Pattern.compile(
            "(?m)^(  branch \\d+  reward \\S+  |  text    |\\| |\\+ |  before  |  after   )(.*?)(   \\(reward \\S+\\))?$");

    private static Path shared = Path.of("");
    private static Said trained = new Said(-1, "", "");

    @BeforeAll
    static void train(@TempDir Path folder) {
        shared = folder;
        trained = Said.by(new TinyRun(folder).train("run", "until.iterations=4"));
    }

    static Stream<Arguments> commands() {
        return Stream.of(
                Arguments.of("validate", List.of("validate", "letter-count.yaml")),
                Arguments.of("validate-bad", List.of("validate", "letter-count.yaml", "--set", "dpo.betta=1")),
                Arguments.of("plan", List.of("plan", "letter-count.yaml", "--no-probe")),
                Arguments.of("finished", List.of("train", "run/run.yaml", "--run-dir", "run")),
                Arguments.of("inspect", List.of("inspect", "run", "--iteration", "1")),
                Arguments.of(
                        "inspect-branch",
                        List.of("inspect", "run", "--iteration", "1", "--prompt", "0", "--branch", "0", "--replay")),
                Arguments.of("verify", List.of("verify", "run")),
                Arguments.of("du", List.of("du", "run")),
                Arguments.of("gc", List.of("gc", "run", "--keep-last", "1", "--thoughts", "--dry-run")),
                Arguments.of("report", List.of("report", "run")),
                Arguments.of("export", List.of("export", "run", "-o", "run.zip")),
                Arguments.of("fork", List.of("fork", "run", "--at-iteration", "2")),
                Arguments.of("model-info", List.of("model", "info", "letter-count/base")),
                Arguments.of("model-diff", List.of("model", "diff", "letter-count/base", "run/policy")));
    }

    @ParameterizedTest
    @MethodSource("commands")
    void aCommandPrintsWhatItDid(String name, List<String> command) throws IOException {
        Said said = Said.by(command.stream().map(GoldenOutputTest::here).toList());
        // What is largest, or has a pair, is another matter on another machine.
        boolean anyOrder = name.equals("du") || name.equals("inspect");
        String words = distinct(masked(said));
        compare(name, anyOrder ? words.lines().sorted().collect(Collectors.joining("\n", "", "\n")) : words);
    }

    @Test
    void aRunPrintsWhatItDid() throws IOException {
        compare("train", distinct(masked(trained)));
    }

    private static String here(String word) {
        return word.matches("(run|letter-count)([./].*)?")
                ? shared.resolve(word).toString()
                : word;
    }

    private static void compare(String name, String said) throws IOException {
        Path file = GOLDEN.resolve(name + ".txt");
        if ("write".equals(System.getProperty("golden"))) {
            Files.createDirectories(GOLDEN);
            Files.writeString(file, said);
        }
        assertThat(said).isEqualTo(Files.readString(file));
    }

    private static String masked(Said said) {
        String all = said.out() + (said.err().isEmpty() ? "" : "standard error:\n" + said.err()) + "exit code "
                + said.code() + "\n";
        String plain = HASH.matcher(all.replace(shared.toString(), "FOLDER")).replaceAll("HASH");
        String written = WRITTEN.matcher(plain).replaceAll("$1TEXT$3");
        return NUMBER.matcher(written).replaceAll("N").replaceAll(" +N", " N");
    }

    /** Once each. */
    private static String distinct(String text) {
        return text.lines().distinct().collect(Collectors.joining("\n", "", "\n"));
    }
}
