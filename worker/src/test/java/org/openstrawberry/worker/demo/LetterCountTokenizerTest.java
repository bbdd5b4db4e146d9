package org.openstrawberry.worker.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.DataFiles;
import org.openstrawberry.config.ShippedRuns;
import org.openstrawberry.config.WarmupRow;
import org.openstrawberry.model.pretrained.Tokenizer;

class LetterCountTokenizerTest {

    private final Path data;

    LetterCountTokenizerTest(@TempDir Path folder) {
        ShippedRuns.copyTo("letter-count", folder);
        data = folder.resolve("letter-count");
    }

    @Test
    void everyCharacterIsAToken() {
        try (Tokenizer tokenizer = open()) {
            assertThat(tokenizer.vocabSize()).isEqualTo(45);
            assertThat(tokenizer.encodeWithout("az09 :=?,.")).containsExactly(3, 28, 29, 38, 39, 40, 41, 42, 43, 44);
        }
    }

    @Test
    void theBeginTokenStandsBeforeAPromptOnce() {
        try (Tokenizer tokenizer = open()) {
            assertThat(tokenizer.encode("r in a?")).containsExactly(1, 20, 39, 11, 16, 39, 3, 42);
        }
    }

    @Test
    void everyWarmupTextComesBackAsItWas() {
        try (Tokenizer tokenizer = open()) {
            for (WarmupRow row : DataFiles.readWarmup(data.resolve("warmup.jsonl"))) {
                String text = row.prompt() + row.completion();
                assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
            }
        }
    }

    @Test
    void capitalsAreReadAsSmallLetters() {
        try (Tokenizer tokenizer = open()) {
            assertThat(tokenizer.decode(tokenizer.encode("R in Strawberry?"))).isEqualTo("r in strawberry?");
        }
    }

    private Tokenizer open() {
        return Tokenizer.open(data.resolve("base/tokenizer.json"));
    }
}
