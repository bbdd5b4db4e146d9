package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** Adapters, a reward model in the process, chat messages and data of another kind, all in one run. */
class RewardModelRunTest {
    private final Path folder;
    private final TinyRun run;

    RewardModelRunTest(@TempDir Path folder) {
        this.folder = folder;
        run = new TinyRun(folder);
    }

    @Test
    void aRunWithAdaptersARewardModelAndChatsEndsTheSameWhetherItIsPartedOrNot() throws IOException {
        Path base = folder.resolve("letter-count/base");
        Path rewardModel = run.rewardModel();
        Files.writeString(
                base.resolve("chat_template.jinja"),
                "{% for message in messages %}{{ message['content'] }}{% endfor %}");
        Path chats = folder.resolve("chats.csv");
        StringBuilder rows = new StringBuilder("messages\n");
        for (String word : List.of("strawberry", "raspberry", "banana", "mango", "cherry", "plum", "fig", "kiwi")) {
            rows.append("\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"r in " + word + "?\"\"}]\"\n");
        }
        Files.writeString(chats, rows);
        String[] settings = {
            "model.lora={rank: 2, targets: [q_proj, down_proj]}",
            "data.prompts=" + chats,
            "data.held-out=null",
            "data.held-out-fraction=0.3",
            "reward.verifier=null",
            "reward.classifier.model=" + rewardModel
        };
        train("whole", settings);
        List<String> shorter = new ArrayList<>(List.of(settings));
        shorter.add("until.iterations=3");
        train("parted", shorter.toArray(String[]::new));
        DurableFiles.deleteFolder(run.directory("parted").resolve("checkpoints/000003"));
        train("parted", settings);

        assertThat(run.outcome("parted")).isEqualTo(run.outcome("whole"));
        try (Stream<String> scores = Files.lines(run.directory("whole").resolve("iterations/000001/scores-00.jsonl"))) {
            assertThat(scores.map(line -> line.replaceAll(".*\"reward\":([^,}]*).*", "$1"))
                            .distinct())
                    .hasSizeGreaterThan(2);
        }
    }

    private void train(String name, String... settings) {
        Said said = Said.by(run.train(name, settings));
        assertThat(said.code()).as(said.err()).isZero();
    }
}
