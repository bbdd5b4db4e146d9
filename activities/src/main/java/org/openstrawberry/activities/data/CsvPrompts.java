package org.openstrawberry.activities.data;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PushbackReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import org.apache.commons.csv.DuplicateHeaderMode;
import org.openstrawberry.config.DataSpec;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.PromptRows;

/** Prompts from CSV in UTF-8, as RFC 4180 has it: the first line names the columns, every value is a text. */
final class CsvPrompts {
    private static final char BYTE_ORDER_MARK = '\uFEFF';

    private CsvPrompts() {}

    static PromptRows read(Path file, char delimiter, DataSpec spec) {
        CSVFormat format = CSVFormat.RFC4180
                .builder()
                .setDelimiter(delimiter)
                .setHeader()
                .setSkipHeaderRecord(true)
                .setDuplicateHeaderMode(DuplicateHeaderMode.DISALLOW)
                .setIgnoreEmptyLines(false)
                .get();
        PromptRows rows = new PromptRows(file, spec);
        // The JDK's decoder of files is strict: what is not UTF-8 is an error.
        try (Reader text = withoutMark(Files.newBufferedReader(file, StandardCharsets.UTF_8));
                CSVParser parser = format.parse(text)) {
            List<String> columns = parser.getHeaderNames();
            Iterator<CSVRecord> records = parser.iterator();
            while (true) {
                int line = Math.toIntExact(parser.getCurrentLineNumber() + 1);
                if (!records.hasNext()) {
                    return rows;
                }
                add(rows, PromptRow.place(file, line), line, columns, records.next());
            }
        } catch (NoSuchFileException e) {
            throw new InvalidInputException(file + ": no such file", e);
        } catch (CharacterCodingException e) {
            throw new InvalidInputException(file + ": not valid UTF-8", e);
        } catch (IOException e) {
            throw broken(file, e);
        } catch (UncheckedIOException | IllegalArgumentException | IllegalStateException e) {
            if (e.getCause() instanceof CharacterCodingException) {
                throw new InvalidInputException(file + ": not valid UTF-8", e);
            }
            throw broken(file, e);
        }
    }

    private static InvalidInputException broken(Path file, Exception e) {
        Throwable cause = e.getCause() instanceof IOException ? e.getCause() : e;
        return new InvalidInputException(
                file + ": not valid CSV: " + String.valueOf(cause.getMessage()).replaceAll("\\s+", " "), e);
    }

    private static Reader withoutMark(Reader text) throws IOException {
        PushbackReader reader = new PushbackReader(text);
        int first = reader.read();
        if (first >= 0 && first != BYTE_ORDER_MARK) {
            reader.unread(first);
        }
        return reader;
    }

    private static void add(PromptRows rows, String place, int line, List<String> columns, CSVRecord csv) {
        if (csv.size() == 1 && csv.get(0).isBlank()) {
            return; // a blank line
        }
        if (csv.size() != columns.size()) {
            rows.broken(new InvalidInputException(place + ": found " + csv.size() + " columns, expected "
                    + columns.size() + " as the first line has: " + String.join(", ", columns)));
            return;
        }
        ObjectNode object = JsonNodeFactory.instance.objectNode();
        for (int i = 0; i < columns.size(); i++) {
            object.put(columns.get(i), csv.get(i));
        }
        rows.add(line, object);
    }
}
