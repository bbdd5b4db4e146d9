package org.openstrawberry.model.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.Vectors;

class TokenizerTest {
    private final Path directory;

    TokenizerTest(@TempDir Path directory) {
        this.directory = directory;
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "chatml", "headers"})
    void idsAndTextsAreThoseOfTransformers(String name) {
        JsonNode cases = Vectors.json(Vectors.tokenizer(name).resolve("cases.json"));
        try (Tokenizer tokenizer = Tokenizer.open(Vectors.tokenizer(name).resolve("tokenizer.json"))) {
            assertThat(tokenizer.vocabSize()).isEqualTo(cases.get("vocab_size").intValue());
            for (JsonNode text : cases.get("texts")) {
                String original = text.get("text").textValue();
                int[] ids = Vectors.ids(text.get("ids"));
                assertThat(tokenizer.encode(original)).as(original).containsExactly(ids);
                assertThat(tokenizer.encodeWithout(original))
                        .as(original)
                        .containsExactly(Vectors.ids(text.get("ids_without_special")));
                assertThat(tokenizer.decode(ids))
                        .as(original)
                        .isEqualTo(text.get("decoded_without_special").textValue());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"chatml", "headers"})
    void renderedChatsEncodeAsInTransformers(String name) {
        JsonNode cases = Vectors.json(Vectors.tokenizer(name).resolve("cases.json"));
        try (Tokenizer tokenizer = Tokenizer.open(Vectors.tokenizer(name).resolve("tokenizer.json"))) {
            for (JsonNode chat : cases.get("chats")) {
                assertThat(tokenizer.encodeWithout(chat.get("text").textValue()))
                        .containsExactly(Vectors.ids(chat.get("ids")));
            }
        }
    }

    @Test
    void neitherTruncatesNorPadsWhateverTheFileSays() throws IOException {
        Path original = Vectors.tokenizer("plain").resolve("tokenizer.json");
        ObjectNode json = (ObjectNode) Vectors.json(original);
        json.putObject("truncation")
                .put("direction", "Right")
                .put("max_length", 4)
                .put("strategy", "LongestFirst")
                .put("stride", 0);
        ObjectNode padding = json.putObject("padding");
        padding.putObject("strategy").put("Fixed", 4096);
        padding.put("direction", "Right")
                .putNull("pad_to_multiple_of")
                .put("pad_id", 0)
                .put("pad_type_id", 0)
                .put("pad_token", "<|endoftext|>");
        Path file = directory.resolve("tokenizer.json");
        new ObjectMapper().writeValue(file.toFile(), json);

        String text = "The kettle sang on the stove. ".repeat(100);
        try (Tokenizer changed = Tokenizer.open(file);
                Tokenizer plain = Tokenizer.open(original)) {
            assertThat(changed.encode("boats")).containsExactly(plain.encode("boats"));
            assertThat(changed.encode(text)).hasSizeGreaterThan(512).containsExactly(plain.encode(text));
        }
    }

    @Test
    void aBrokenFileIsTold() throws IOException {
        Path file = directory.resolve("tokenizer.json");
        assertThatThrownBy(() -> Tokenizer.open(file))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage(file + ": no such file");
        Files.writeString(file, "{\"model\": {}}");
        assertThatThrownBy(() -> Tokenizer.open(file))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith(file + ": model.vocab");
        Files.writeString(file, "{\"model\": {\"type\": \"Unheard\", \"vocab\": {\"a\": 0}}}");
        assertThatThrownBy(() -> Tokenizer.open(file))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith(file + ": not a tokenizer: ")
                .message()
                .hasLineCount(1);
    }
}
