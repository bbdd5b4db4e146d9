package org.openstrawberry.activities.rewardmodel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RewardTrainingFile;
import org.openstrawberry.config.ShippedRuns;
import org.openstrawberry.model.classification.ScoredPair;
import org.openstrawberry.model.pretrained.ModelDirectory;

class PreferenceDataTest {
    private final Path folder;

    PreferenceDataTest(@TempDir Path folder) {
        this.folder = folder;
        ShippedRuns.copyTo("letter-count", folder);
    }

    @Test
    void allPairsOfAPromptAreOnOneSideOfTheSplit() throws IOException {
        List<String> lines = new ArrayList<>();
        for (char letter = 'a'; letter <= 'z'; letter++) {
            lines.add(line(letter + "?", "=1", "=2"));
            lines.add(line(letter + "?", "=1", "=3"));
        }

        PreferenceData data = read(lines, "held-out-fraction=0.4");

        assertThat(data.training().size() + data.heldOut().size()).isEqualTo(52);
        assertThat(data.heldOut()).hasSizeBetween(2, 50);
        assertThat(prompts(data.training())).doesNotContainAnyElementsOf(prompts(data.heldOut()));
    }

    @Test
    void aTextEndsWithTheEndOfSequenceTokenAndBeginsAsTheTokenizerSays() throws IOException {
        ScoredPair pair = read(List.of(line("a?", "=1", "=2")), "held-out-fraction=0")
                .training()
                .get(0);

        assertThat(pair.chosen()).hasSize(6).startsWith(1).endsWith(2);
        assertThat(pair.margin()).isZero();
    }

    @Test
    void pairsThatAreTooLongAreLeftOutAndCountedWhereTheSettingsSaySo() throws IOException {
        List<String> lines = List.of(line("a?", "=1", "=2"), line("b?", "=1", "=" + "1".repeat(200)));

        PreferenceData data = read(lines, "held-out-fraction=0", "max-tokens=16");

        assertThat(data.training()).hasSize(1);
        assertThat(data.tooLong()).isEqualTo(1);
        assertThatThrownBy(() -> read(lines, "held-out-fraction=0"))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageContaining("pairs.jsonl:2: found 205 tokens")
                .hasMessageContaining("expected at most 128");
    }

    @Test
    void aFileOfHeldOutPairsTakesThePlaceOfTheShare() throws IOException {
        Path other = folder.resolve("others.jsonl");
        Files.writeString(other, line("z?", "=1", "=2") + "\n");

        PreferenceData data = read(List.of(line("a?", "=1", "=2")), "held-out=" + other);

        assertThat(data.training()).hasSize(1);
        assertThat(data.heldOut()).hasSize(1);
        assertThatThrownBy(() -> read(List.of(line("a?", "=1", "=2")), "held-out=" + other, "held-out-fraction=0.5"))
                .hasMessageContaining("held-out-fraction: can't be set beside held-out, found 0.5");
    }

    @Test
    void aSplitThatLeavesNothingIsTold() {
        assertThatThrownBy(() -> read(List.of(line("a?", "=1", "=2")), "held-out-fraction=1.0e-9"))
                .hasMessageContaining("no pairs are left held out");
    }

    private PreferenceData read(List<String> lines, String... sets) throws IOException {
        Path base = folder.resolve("letter-count/base");
        Path pairs = Files.write(folder.resolve("pairs.jsonl"), lines);
        return PreferenceData.read(
                RewardTrainingFile.of(pairs, base, folder.resolve("out"), List.of(sets)), ModelDirectory.open(base));
    }

    /** Begin of text, letter and question mark. */
    private static List<String> prompts(List<ScoredPair> pairs) {
        return pairs.stream()
                .flatMap(pair -> Stream.of(pair.chosen()))
                .map(ids -> Arrays.toString(Arrays.copyOf(ids, 3)))
                .toList();
    }

    private static String line(String prompt, String chosen, String rejected) {
        return "{\"prompt\": \"" + prompt + "\", \"chosen\": \"" + chosen + "\", \"rejected\": \"" + rejected + "\"}";
    }
}
