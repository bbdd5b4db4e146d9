package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
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
import reactor.core.Disposable;

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

    /** Scores a completion by its length, unless that is a word that it obeys; with "once " before it, only the first time. */
    private static final String PROGRAM = """
            : > "$1/started-$$"
            samples=0
            while IFS= read -r line; do
                samples=$((samples + 1))
                id=${line##*'"id":'}; id=${id%%[!0-9]*}
                text=${line#*'"completion":"'}; text=${text%%'"'*}
                order=$text
                case $text in "once "*)
                    if [ -e "$1/obeyed" ]; then order=none; else : > "$1/obeyed"; order=${text#once }; fi
                esac
                score="{\\"id\\": $id, \\"score\\": "
                case $order in
                    die) echo "out of memory" >&2; exit 3 ;;
                    late) (exec > /dev/null; sleep .3; echo "killed by the launcher" >&2) & exit 3 ;;
                    hang) sleep 600 ;;
                    garbage) echo "Loading weights ..." ;;
                    half) printf '{"id":'; exit 0 ;;
                    nothing) echo ;;
                    nan) echo "${score}NaN}" ;;
                    null) echo "${score}null}" ;;
                    text) echo "${score}\\"1\\"}" ;;
                    without) echo "{\\"id\\": $id}" ;;
                    error) echo "{\\"id\\": $id, \\"error\\": \\"too long\\"}" ;;
                    other) echo '{"id": 99, "score": 0}' ;;
                    anonymous) echo '{"score": 0}' ;;
                    count) echo "${score}${samples}}" ;;
                    twice) echo "${score}${#text}}"; echo '{"id": 0, "score": 0}' ;;
                    *) echo "${score}${#text}}" ;;
                esac
            done
            """;

    private Map<String, Object> program(Object... more) {
        Map<String, Object> reward = new TreeMap<>(Map.of(
                "command",
                Map.of("run", List.of("sh", "-c", PROGRAM, "program", folder.toString())),
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
        assertThat(values(score(program(), "a", "bbb", "four words in all"))).containsExactly(1.0, 3.0, 17.0);
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
                "late | the program ended with exit code 3: killed by the launcher",
                "garbage | expected a line of JSON from the program, found Loading weights ...",
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
        List<Scored> scores = score(program("retries", 0, "timeout", "1s"), "hang", "bbb");

        assertThat(values(scores)).containsExactly(Double.NaN, 3.0);
        assertThat(errors(scores)).containsExactly("no answer within 1 s");
        assertThat(started()).isEqualTo(2);
    }

    @Test
    void aProgramThatIsNotThereIsAnErrorOfEachSequence() {
        List<Scored> scores =
                score(Map.of("command", Map.of("run", List.of("no-such-program")), "retries", 0), "a", "b");

        assertThat(errors(scores)).hasSize(2).allMatch(error -> error.contains("no-such-program"));
    }

    @Test
    void programsEndWithTheirOwnerEvenWhileTheyAreAsked() throws IOException, InterruptedException {
        score(program("concurrency", 2), "a", "b", "c");
        long before = started();
        Disposable asking = rewards.apply(spec(program("retries", 0)))
                .score(List.of(sample("hang")), "prompt 0")
                .subscribe();
        while (started() == before) {
            Thread.sleep(10);
        }
        close();
        asking.dispose();

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
