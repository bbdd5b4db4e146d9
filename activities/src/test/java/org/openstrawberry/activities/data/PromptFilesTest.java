package org.openstrawberry.activities.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.config.DataSpec;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.PromptRows;

/** Prompts from files of every format. */
class PromptFilesTest {
    private final Path folder;

    PromptFilesTest(@TempDir Path folder) {
        this.folder = folder;
    }

    static DataSpec spec(Path file, DataSpec.OnError onError) {
        return new DataSpec(
                file.toString(),
                Optional.empty(),
                "prompt",
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false,
                Optional.of(onError));
    }

    private static PromptRows read(Path file) {
        return PromptFiles.read(file, spec(file, DataSpec.OnError.FAIL));
    }

    private static PromptRows readSkipping(Path file) {
        return PromptFiles.read(file, spec(file, DataSpec.OnError.SKIP));
    }

    private Path write(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    private Path resource(String name) throws IOException {
        try (InputStream stream = PromptFilesTest.class.getResourceAsStream("/data/" + name)) {
            if (stream == null) {
                throw new IllegalStateException(name + " is missing");
            }
            Path file = folder.resolve(name);
            Files.copy(stream, file);
            return file;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"none", "snappy", "gzip", "zstd"})
    void parquetIsReadWithAllItsColumns(String compression) throws IOException {
        List<PromptRow> rows =
                read(resource("prompts-" + compression + ".parquet")).rows();

        assertThat(rows).extracting(PromptRow::prompt).containsExactly("r in carrot?", "n in banana?", "é in café?");
        assertThat(rows).extracting(PromptRow::row).containsExactly(0, 1, 2);
        assertThat(rows).extracting(PromptRow::line).containsExactly(1, 2, 3);
        assertThat(fields(rows.get(0)))
                .isEqualTo("prompt=\"r in carrot?\" answer=2 weight=0.5 half=0.1 hard=true options=[\"1\",\"2\"]"
                        + " source={\"name\":\"a\",\"year\":2020} tags={\"k\":\"v\"} day=\"2024-05-01\""
                        + " moment=\"2024-05-01T12:30:00.250Z\" price=1.50 raw=\"AAE=\" kind=\"x\"");
        assertThat(fields(rows.get(1)))
                .contains("weight=null", "options=[]", "source={\"name\":null,\"year\":2021}", "tags={}");
        assertThat(fields(rows.get(2)))
                .contains("weight=null", "hard=null", "options=null", "source=null", "tags=null");
    }

    private static String fields(PromptRow row) {
        return String.join(
                " ",
                row.fields().entrySet().stream()
                        .map(field -> field.getKey() + "=" + field.getValue())
                        .toList());
    }

    @Test
    void chatsAreReadFromParquetCsvAndJsonLines() throws IOException {
        Path csv = write(
                "chats.csv", "messages,answer\n\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"a, b\"\"}]\",2\n");
        Path lines =
                write("chats.jsonl", "{\"prompt\": [{\"role\": \"user\", \"content\": \"a, b\"}], \"answer\": 2}\n");

        assertThat(read(resource("chats.parquet")).rows())
                .extracting(row -> row.messages().map(Object::toString).orElse(""))
                .containsExactly(
                        "[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"r in carrot?\"}]",
                        "[{\"role\":\"user\",\"content\":\"n in banana?\"}]");
        for (Path file : List.of(csv, lines)) {
            assertThat(read(file).rows())
                    .extracting(row -> row.messages().map(Object::toString).orElse(""))
                    .containsExactly("[{\"role\":\"user\",\"content\":\"a, b\"}]");
        }
    }

    @Test
    void csvHasQuotesCommasLineBreaksAndNamedColumns() throws IOException {
        Path file = write(
                "prompts.csv",
                "\uFEFFid,prompt,answer\r\n1,\"a, \"\"b\"\"\r\nc\",x\r\n\r\n2,é 🍓,\r\n3,\" d \",\"\"\r\n");

        List<PromptRow> rows = read(file).rows();

        assertThat(rows).extracting(PromptRow::prompt).containsExactly("a, \"b\"\r\nc", "é 🍓", " d ");
        assertThat(rows).extracting(PromptRow::row).containsExactly(0, 1, 2);
        assertThat(rows).extracting(PromptRow::line).containsExactly(2, 5, 6);
        assertThat(fields(rows.get(1))).isEqualTo("id=\"2\" prompt=\"é 🍓\" answer=\"\"");
    }

    @Test
    void tsvIsPartedByTabs() throws IOException {
        assertThat(read(write("prompts.tsv", "prompt\tanswer\na, b\t2\n")).rows())
                .extracting(PromptFilesTest::fields)
                .containsExactly("prompt=\"a, b\" answer=\"2\"");
    }

    static Stream<Arguments> broken() {
        return Stream.of(
                arguments(
                        "x.csv",
                        "prompt,answer\na,1\nb\nc,3\n",
                        ":3: found 1 columns, expected 2 as the first line has:" + " prompt, answer"),
                arguments("x.csv", "prompt,answer\na,1\n,2\nc,3\n", ":3: field \"prompt\" is empty"),
                arguments("x.jsonl", "{\"prompt\":\"a\"}\n{\"prompt\":\n{\"prompt\":\"c\"}\n", ":2: not valid JSON"),
                arguments(
                        "x.jsonl",
                        "{\"prompt\":\"a\"}\n{\"text\":\"b\"}\n{\"prompt\":\"c\"}\n",
                        ":2: field \"prompt\" is missing; found fields \"text\""),
                arguments(
                        "x.jsonl",
                        "{\"prompt\":\"a\"}\n{\"prompt\":[]}\n{\"prompt\":\"c\"}\n",
                        ":2: field \"prompt\": expected a list of chat messages, found a list"),
                arguments(
                        "x.jsonl",
                        "{\"prompt\":\"a\"}\n{\"messages\":[{\"role\":\"user\",\"content\":7}]}\n{\"prompt\":\"c\"}\n",
                        ":2: field \"messages\": message 1: content: expected a text, found 7"),
                arguments(
                        "x.jsonl",
                        "{\"prompt\":\"a\"}\n{\"messages\":[{\"role\":\"assistant\",\"content\":\"b\"}]}\n{\"prompt\":\"c\"}\n",
                        ":2: field \"messages\": the last message is the assistant's; expected one that it has to"
                                + " answer"));
    }

    @ParameterizedTest
    @MethodSource("broken")
    void aBrokenRowIsNamedOrLeftOutAndCounted(String name, String text, String problem) throws IOException {
        Path file = write(name, text);

        assertThatThrownBy(() -> read(file))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith(file + problem);
        PromptRows rows = readSkipping(file);
        assertThat(rows.rows()).extracting(PromptRow::prompt).containsExactly("a", "c");
        assertThat(rows.rows()).extracting(PromptRow::row).containsExactly(0, 2);
        assertThat(rows.broken()).isEqualTo(1);
    }

    @Test
    void aLineThatIsNotUtf8IsNamedOrLeftOut() throws IOException {
        byte[] latin = "{\"prompt\":\"a\"}\n{\"prompt\":\"é\"}\n".getBytes(StandardCharsets.ISO_8859_1);
        Path file = Files.write(folder.resolve("x.jsonl"), latin);

        assertThatThrownBy(() -> read(file)).hasMessage(file + ":2: not valid UTF-8");
        assertThat(readSkipping(file).rows()).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"x.csv", "x.tsv", "x.parquet", "x.jsonl"})
    void aFileThatIsNotThereIsNamed(String name) {
        Path file = folder.resolve(name);

        assertThatThrownBy(() -> read(file))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage(file + ": no such file");
    }

    static Map<String, String> unreadable() {
        return Map.of(
                "latin.csv", "not valid UTF-8",
                "quote.csv", "not valid CSV",
                "twice.csv", "not valid CSV",
                "text.parquet", "can't be read as Parquet");
    }

    @Test
    void aFileThatIsNotWhatItsNameSaysIsRefusedWhateverIsDoneWithRows() throws IOException {
        Files.write(folder.resolve("latin.csv"), "prompt\né\n".getBytes(StandardCharsets.ISO_8859_1));
        write("quote.csv", "prompt\n\"a\n");
        write("twice.csv", "prompt,prompt\na,b\n");
        write("text.parquet", "prompt\na\n");

        unreadable().forEach((name, problem) -> {
            Path file = folder.resolve(name);
            assertThatThrownBy(() -> readSkipping(file).rows())
                    .isInstanceOf(InvalidInputException.class)
                    .hasMessageStartingWith(file + ": " + problem);
        });
    }

    @Test
    void aParquetRowWithoutAPromptIsNamedByItsNumber() throws IOException {
        Path file = resource("prompts-snappy.parquet");
        DataSpec spec = DataSpec.of(file.toString(), Optional.empty(), "weight");

        assertThatThrownBy(() -> PromptFiles.read(file, spec))
                .hasMessage(file + ": row 1: field \"weight\": expected a text, found 0.5");
    }

    @Test
    void aFileWithoutRowsIsRefused() throws IOException {
        Path csv = write("x.csv", "prompt\n");
        Path broken = write("x.jsonl", "{}\n[]\n");

        assertThatThrownBy(() -> read(csv).rows()).hasMessage(csv + ": holds no prompts");
        assertThatThrownBy(() -> readSkipping(broken).rows())
                .hasMessage(broken + ": holds no prompts but 2 broken rows");
    }
}
