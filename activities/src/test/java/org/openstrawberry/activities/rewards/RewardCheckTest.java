package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.InvalidInputException;

/** What a reward lacks is said before anything is scored, by the key that asks for it. */
class RewardCheckTest {
    private final Path folder;
    private final RewardCheck check = new RewardCheck(name -> name.equals("PATH") ? System.getenv("PATH") : null, true);

    RewardCheckTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    void whatIsThereIsSound() throws IOException {
        Path program = Files.writeString(folder.resolve("reward.py"), "#!/usr/bin/env python3\n");
        assertThat(program.toFile().setExecutable(true)).isTrue();

        for (Map<String, ?> reward : List.of(
                Map.of("verifier", Map.of("kind", "regex", "pattern", "a")),
                command("./reward.py"),
                command("java"),
                command(program.toString()),
                Map.of("java", Map.of("name", "vowels")))) {
            assertThatCode(() -> check(reward)).as("%s", reward).doesNotThrowAnyException();
        }
    }

    @Test
    void aProgramMustBeThereAndMayBeExecuted() throws IOException {
        Files.writeString(folder.resolve("reward.py"), "print()");

        refused(command("./nowhere.py"), "reward.command.run: found \"./nowhere.py\", expected a program that can be");
        refused(command("no-such-program-at-all"), "reward.command.run: found \"no-such-program-at-all\", expected");
        refused(command("./reward.py"), "(chmod +x makes a file one)");
        refused(
                Map.of("command", Map.of("run", List.of("java"), "directory", "/no/such/folder")),
                "reward.command.directory: found /no/such/folder, expected a directory");
    }

    @Test
    void aServiceMustAnswerWhateverItAnswers() throws IOException {
        int free;
        try (ServerSocket socket = new ServerSocket(0)) {
            free = socket.getLocalPort();
        }
        Map<String, ?> nobody = Map.of("http", Map.of("url", "http://localhost:" + free + "/score"));
        refused(nobody, "reward.http.url: nothing answers at http://localhost:" + free + "/score (ConnectException)");
        assertThatCode(() -> new RewardCheck(name -> null, false).check("reward", RewardsTest.spec(nobody)))
                .doesNotThrowAnyException();

        try (Service service = new Service(request -> new Service.Answer(405, "", "", 0))) {
            assertThatCode(() -> check(Map.of("http", Map.of("url", service.url()))))
                    .doesNotThrowAnyException();
        }
    }

    @Test
    void aHeaderWithoutItsVariableIsRefused() {
        refused(
                Map.of(
                        "http",
                        Map.of("url", "http://localhost:1", "headers", Map.of("Authorization", "Bearer ${env:NONE}"))),
                "reward.http.headers.Authorization: the environment variable NONE is not set");
    }

    @Test
    void aClassAndAModelMustBeThere() {
        refused(Map.of("java", Map.of("name", "consonants")), "reward.java.name: found \"consonants\", expected");
        refused(
                Map.of("classifier", Map.of("model", "/no/such/model")),
                "reward.classifier.model: /no/such/model: no such directory, expected a model directory");
    }

    @Test
    void aClassIsMadeWhereThatIsAskedForAndElseOnlyLookedFor() {
        Map<String, ?> bad = Map.of("java", Map.of("name", "vowels", "settings", Map.of("each", "one")));
        refused(bad, "reward.java.settings: ");
        RewardCheck brief = new RewardCheck(name -> null, false);
        assertThatCode(() -> brief.check("reward", RewardsTest.spec(bad))).doesNotThrowAnyException();
        assertThatThrownBy(() -> brief.check("reward", RewardsTest.spec(Map.of("java", Map.of("name", "consonants")))))
                .hasMessageStartingWith("reward.java.name: found \"consonants\"");
    }

    @Test
    void partsOfASumAndAJudgeOfEvaluationsAreNamedByTheirPlace() {
        Map<String, ?> sum = Map.of(
                "sum", Map.of("parts", Map.of("style", Map.of("java", Map.of("name", "consonants"), "weight", 0.5))));

        refused(sum, "reward.sum.parts.style.java.name: found \"consonants\"");
        assertThatThrownBy(() -> check.check("evaluation.reward", RewardsTest.spec(sum)))
                .hasMessageStartingWith("evaluation.reward.sum.parts.style.java.name: ");
    }

    private Map<String, ?> command(String program) {
        return Map.of("command", Map.of("run", List.of(program), "directory", folder.toString()));
    }

    private void check(Map<String, ?> reward) {
        check.check("reward", RewardsTest.spec(reward));
    }

    private void refused(Map<String, ?> reward, String message) {
        assertThatThrownBy(() -> check(reward))
                .isInstanceOf(InvalidInputException.class)
                .satisfies(e -> assertThat(e.getMessage()).contains(message));
    }
}
