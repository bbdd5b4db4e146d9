package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rewards by a real program, which does as it is told by the completion. */
@Timeout(120)
class CommandRewardsTest extends RewardsTest {
    private final Path folder;

    CommandRewardsTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @AfterEach
    void stop() {
        close();
    }

    /** The program: scores a completion by its length, unless that is a word it obeys. */
    static final class Program {
        private static int samples;

        private Program() {}

        public static void main(String[] arguments) throws IOException, InterruptedException {
            Path folder = Path.of(arguments[0]);
            Files.createFile(folder.resolve("started-" + ProcessHandle.current().pid()));
            PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                JsonNode sample = new ObjectMapper().readTree(line);
                obey(sample, out, folder);
            }
            Files.createFile(folder.resolve("ended-" + ProcessHandle.current().pid()));
        }

        private static void obey(JsonNode sample, PrintStream out, Path folder)
                throws IOException, InterruptedException {
            String text = sample.path("completion").textValue();
            String score = "{\"id\": " + sample.path("id") + ", \"score\": ";
            samples++;
            boolean first = !Files.exists(folder.resolve("obeyed"));
            if (text.startsWith("once ") && first) {
                Files.createFile(folder.resolve("obeyed"));
            }
            String order = text.startsWith("once ") ? first ? text.substring(5) : "" : text;
            switch (order) {
                case "die" -> {
                    System.err.println("out of memory");
                    System.exit(3);
                }
                case "hang" -> Thread.sleep(600_000);
                case "garbage" -> out.println("Loading weights …");
                case "half" -> {
                    out.print("{\"id\":");
                    System.exit(0);
                }
                case "nothing" -> out.println();
                case "nan" -> out.println(score + "NaN}");
                case "null" -> out.println(score + "null}");
                case "text" -> out.println(score + "\"1\"}");
                case "without" -> out.println("{\"id\": " + sample.path("id") + "}");
                case "error" -> out.println("{\"id\": " + sample.path("id") + ", \"error\": \"too long\"}");
                case "other" -> out.println("{\"id\": 99, \"score\": 0}");
                case "anonymous" -> out.println("{\"score\": 0}");
                case "count" -> out.println(score + samples + "}");
                case "twice" -> {
                    out.println(score + text.length() + "}");
                    out.println("{\"id\": 0, \"score\": 0}");
                }
                default -> out.println(score + text.length() + "}");
            }
        }
    }

    private Map<String, Object> program(Object... more) {
        Map<String, Object> reward = new TreeMap<>(Map.of(
                "command",
                Map.of(
                        "run",
                        List.of(
                                Path.of(System.getProperty("java.home"), "bin", "java")
                                        .toString(),
                                "-XX:TieredStopAtLevel=1",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Program.class.getName(),
                                folder.toString())),
                "retries",
                1,
                "timeout",
                "20s"));
        for (int i = 0; i < more.length; i += 2) {
            reward.put((String) more[i], more[i + 1]);
        }
        return reward;
    }

    private long started() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.getFileName().toString().startsWith("started-"))
                    .count();
        }
    }

    @Test
    void oneProgramAnswersAllSamplesInTheirOrder() throws IOException {
        assertThat(values(score(program(), "a", "bbb", "cafés 🍓\n"))).containsExactly(1.0, 3.0, 9.0);
        assertThat(values(score(program(), "count"))).containsExactly(4.0);
        assertThat(started()).isEqualTo(1);
    }

    @Test
    void aProgramThatHoldsBackMoreThanItsAnswerGivesNobodyAnothersScore() {
        assertThat(values(score(program("retries", 0), "twice", "ccc"))).containsExactly(5.0, Double.NaN);
        assertThat(values(score(program("retries", 1), "twice", "ccc"))).containsExactly(5.0, 3.0);
    }

    @ParameterizedTest
    @CsvSource({"die", "garbage", "half", "nothing", "nan", "null", "without", "error", "other"})
    void afterAFailureAnotherProgramAnswers(String order) throws IOException {
        assertThat(values(score(program(), "once " + order, "bbb"))).containsExactly(5.0 + order.length(), 3.0);
        assertThat(started()).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "die | the program ended with exit code 3: out of memory",
                "garbage | expected a line of JSON from the program, found Loading weights …",
                "half | expected a line of JSON from the program, found {\"id\":",
                "nan | the reward is not a finite number",
                "null | the score is no number but null",
                "text | the score is no number but \"1\"",
                "without | the score is missing",
                "error | too long",
                "anonymous | expected an answer of the program with \"id\": 1, found {\"score\": 0}"
            })
    void aFailureThatLastsIsThatSequencesAndNeverAZero(String order, String error) {
        List<Scored> scores = score(program("retries", 0), order, "bbb");

        assertThat(values(scores)).containsExactly(Double.NaN, 3.0);
        assertThat(errors(scores)).containsExactly(error);
    }

    @Test
    void aProgramThatHangsIsEndedAndReplaced() throws IOException {
        List<Scored> scores = score(program("retries", 0, "timeout", "5s"), "hang", "bbb");

        assertThat(values(scores)).containsExactly(Double.NaN, 3.0);
        assertThat(errors(scores)).containsExactly("no answer within 5 s");
        assertThat(started()).isEqualTo(2);
    }

    @Test
    void aProgramThatIsNotThereIsAnErrorOfEachSequence() {
        List<Scored> scores =
                score(Map.of("command", Map.of("run", List.of("no-such-program")), "retries", 0), "a", "b");

        assertThat(errors(scores)).hasSize(2).allMatch(error -> error.contains("no-such-program"));
    }

    @Test
    void programsEndWithTheirOwner() throws IOException {
        score(program("concurrency", 2), "a", "b", "c");
        close();

        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString())
                            .filter(name -> name.startsWith("started-"))
                            .map(name -> ProcessHandle.of(Long.parseLong(name.substring(8))))
                            .flatMap(Optional::stream)
                            .filter(ProcessHandle::isAlive))
                    .isEmpty();
        }
    }
}
