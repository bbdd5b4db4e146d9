package org.openstrawberry.activities.rewards;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.node.IntNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;

/** What docs/rewards.md and docs/data.md show is what works. */
@Timeout(60)
class RewardDocsTest {
    private static final Path REWARDS = Path.of("..", "docs", "rewards.md");

    private final Path folder;

    RewardDocsTest(@TempDir Path folder) {
        this.folder = folder;
    }

    private static List<String> blocks(Path page, String language) throws IOException {
        return Pattern.compile("```" + language + "\n(.*?)```\n", Pattern.DOTALL)
                .matcher(Files.readString(page))
                .results()
                .map(found -> found.group(1))
                .toList();
    }

    @Test
    void everySettingShownIsRead() throws IOException {
        for (String block : blocks(REWARDS, "yaml")) {
            boolean judges = block.startsWith("evaluation:");
            Path file = Files.writeString(
                    folder.resolve("run.yaml"),
                    "model: { policy: b }\ndata: { prompts: p.jsonl, held-out: h.jsonl }\n"
                            + (judges ? "reward: { classifier: { model: r } }\n" : "")
                            + block);
            RunSpec spec = RunFile.read(file, List.of());
            assertThat(spec.reward().kind()).isNotNull();
            assertThat(spec.evaluation().reward().isPresent()).isEqualTo(judges);
        }
        for (String block : blocks(Path.of("..", "docs", "data.md"), "yaml")) {
            Path file = Files.writeString(
                    folder.resolve("run.yaml"),
                    "model: { policy: b }\nreward: { verifier: { kind: exact } }\n" + block);
            assertThat(RunFile.read(file, List.of()).data().holdsOut()).isTrue();
        }
    }

    @Test
    void theProviderShownIsTheOneThatIsTested() throws IOException {
        String source =
                Files.readString(Path.of("src/test/java/org/openstrawberry/activities/rewards", "VowelReward.java"));
        MatchResult region = Pattern.compile("// tag::provider\\[]\n(.*?)// end::provider\\[]", Pattern.DOTALL)
                .matcher(source)
                .results()
                .findFirst()
                .orElseThrow();

        assertThat(blocks(REWARDS, "java")).containsExactly(region.group(1));
    }

    @Test
    void thePythonShownIsAReward() throws IOException, InterruptedException {
        assumeTrue(hasPython(), "python3 is not there");
        Files.writeString(folder.resolve("reward.py"), blocks(REWARDS, "python").get(0));
        Path file = Files.writeString(
                folder.resolve("run.yaml"),
                "model: { policy: b }\ndata: { prompts: p.jsonl }\n"
                        + blocks(REWARDS, "yaml").get(0));
        List<Sample> group = List.of(
                new Sample("1+1=", Map.of("answer", new IntNode(2)), "it is 2", true, 4),
                new Sample("1+1=", Map.of("answer", new IntNode(2)), "café 🍓 \u2028", true, 4));

        try (Rewards rewards = new Rewards()) {
            List<Scored> scores = rewards.apply(RunFile.read(file, List.of()).reward())
                    .score(group, "prompt 0")
                    .blockOptional()
                    .orElseThrow();

            assertThat(RewardsTest.values(scores)).containsExactly(1.0 / 3, 0.0);
        }
    }

    private static boolean hasPython() throws InterruptedException {
        try {
            return new ProcessBuilder("python3", "--version").start().waitFor() == 0;
        } catch (IOException e) {
            return false;
        }
    }
}
