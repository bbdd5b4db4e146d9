package org.openstrawberry.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class DataFilesTest {

    private final Path folder;

    DataFilesTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    void promptsAreReadWithAllTheirFieldsInOrder() throws IOException {
        Path file = write("{\"id\": 1, \"q\": \"r in é?\", \"answer\": 0}\r\n\n  \n{\"q\":\"b\",\"answer\":[1]}");

        List<PromptRow> rows = DataFiles.readPrompts(file, "q");

        assertThat(rows).extracting(PromptRow::row).containsExactly(0, 1);
        assertThat(rows).extracting(PromptRow::line).containsExactly(1, 4);
        assertThat(rows).extracting(PromptRow::prompt).containsExactly("r in é?", "b");
        assertThat(rows.get(0).fields().keySet()).containsExactly("id", "q", "answer");
        assertThat(rows.get(1).fields().get("answer")).hasToString("[1]");
    }

    @Test
    void warmupLinesMayHaveEmptyCompletionsAndFurtherFields() throws IOException {
        Path file = write(
                "\uFEFF{\"prompt\":\"a\",\"completion\":\"b\",\"by\":1}\n{\"completion\":\"\",\"prompt\":\"c\"}\n");

        assertThat(DataFiles.readWarmup(file))
                .containsExactly(new WarmupRow(0, 1, "a", "b"), new WarmupRow(1, 2, "c", ""));
    }

    static Stream<Arguments> brokenLines() {
        return Stream.of(
                arguments("{\"prompt\":\"b\"", "not valid JSON: Unexpected end-of-input"),
                arguments("{\"prompt\":\"b\"} x", "not valid JSON: Unrecognized token 'x'"),
                arguments("{\"prompt\":\"b\"} {}", "not valid JSON: Trailing token"),
                arguments("{\"prompt\":\"b\",\"prompt\":\"c\"}", "not valid JSON: Duplicate field 'prompt'"),
                arguments("prompt", "not valid JSON: Unrecognized token 'prompt'"),
                arguments("[1]", "expected a JSON object, found a list"),
                arguments(
                        "{\"text\":\"b\",\"answer\":1}",
                        "field \"prompt\" is missing; found fields \"text\"," + " \"answer\""),
                arguments("{}", "field \"prompt\" is missing; found no fields"),
                arguments("{\"prompt\":7}", "field \"prompt\": expected a text, found 7"),
                arguments("{\"prompt\":null}", "field \"prompt\": expected a text, found null"),
                arguments("{\"prompt\":\"\"}", "field \"prompt\" is empty"));
    }

    @ParameterizedTest
    @MethodSource("brokenLines")
    void aBrokenLineIsNamedByFileAndNumber(String line, String problem) throws IOException {
        Path file = write("{\"prompt\":\"a\"}\n\n" + line + "\n{\"prompt\":\"c\"}\n");

        assertRefused(() -> DataFiles.readPrompts(file, "prompt"), file + ":3: " + problem);
    }

    @Test
    void aWarmupLineWithoutCompletionIsNamed() throws IOException {
        Path file = write("{\"prompt\":\"a\"}\n");

        assertRefused(
                () -> DataFiles.readWarmup(file),
                file + ":1: field \"completion\" is missing; found fields \"prompt\"");
    }

    @Test
    void aFileWithoutLinesIsRefused() throws IOException {
        Path file = write("\n \n");

        assertRefused(() -> DataFiles.readPrompts(file, "prompt"), file + ": holds no prompts");
        assertRefused(() -> DataFiles.readWarmup(file), file + ": holds no warm-up lines");
    }

    @Test
    void aFileThatCannotBeReadIsNamed() throws IOException {
        Path missing = folder.resolve("missing.jsonl");
        Path latin = Files.write(folder.resolve("latin.jsonl"), "\n\"é\"".getBytes(StandardCharsets.ISO_8859_1));

        assertRefused(() -> DataFiles.readPrompts(missing, "prompt"), missing + ": no such file");
        assertRefused(() -> DataFiles.readPrompts(folder, "prompt"), folder + ": is a directory; expected a file");
        assertRefused(() -> DataFiles.readPrompts(latin, "prompt"), latin + ":2: not valid UTF-8");
    }

    private static void assertRefused(ThrowingCallable call, String messageStart) {
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(call)
                .satisfies(
                        e -> assertThat(e.getMessage()).startsWith(messageStart).doesNotContain("\n"));
    }

    private Path write(String text) throws IOException {
        return Files.writeString(folder.resolve("data.jsonl"), text);
    }
}
