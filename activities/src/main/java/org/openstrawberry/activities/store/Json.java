package org.openstrawberry.activities.store;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import reactor.core.publisher.Flux;

/** JSON as the run directory holds it: snake_case names, one object a line in {@code .jsonl} files. */
public final class Json {
    private static final ObjectMapper MAPPER = JsonMapper.builder()
            .addModule(new Jdk8Module())
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .defaultPropertyInclusion(JsonInclude.Value.construct(JsonInclude.Include.NON_ABSENT, null))
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    private static final ObjectWriter LINES = MAPPER.writer().without(JsonGenerator.Feature.AUTO_CLOSE_TARGET);

    private Json() {}

    /** Content of a file with one object. */
    public static ArtifactStore.Content object(Object value) {
        return out -> {
            LINES.withDefaultPrettyPrinter().writeValue(out, value);
            out.write('\n');
        };
    }

    /** Content of a file with one object a line. */
    public static ArtifactStore.Content lines(Iterable<?> values) {
        return out -> {
            for (Object value : values) {
                writeLine(out, value);
            }
        };
    }

    /** The content of a file with one object a line. */
    public static byte[] bytes(Iterable<?> values) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            lines(values).write(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /** Writes one object and a line break. */
    public static void writeLine(OutputStream out, Object value) throws IOException {
        LINES.writeValue(out, value);
        out.write('\n');
    }

    /** One object as one line, without the line break. */
    public static String line(Object value) {
        try {
            return LINES.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("can't be written as JSON: " + value, e);
        }
    }

    /** One object from text. */
    public static <T> T parse(String text, Class<T> type) {
        try {
            return MAPPER.readValue(text, type);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Reads a file with one object.
     *
     * @throws UncheckedIOException if it is not there or holds none; the message begins with the file
     */
    public static <T> T read(Path file, Class<T> type) {
        try {
            T value = MAPPER.readValue(file.toFile(), type);
            if (value == null) {
                throw new IOException("found null");
            }
            return value;
        } catch (IOException e) {
            throw new UncheckedIOException(new IOException(file + ": " + firstLine(e), e));
        }
    }

    private static String firstLine(Exception e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }

    /** Reads a file with one object a line, as far as the subscriber asks for it. */
    public static <T> Flux<T> stream(Path file, Class<T> type) {
        return Flux.using(
                () -> Files.newBufferedReader(file, StandardCharsets.UTF_8),
                reader -> Flux.fromStream(reader.lines().map(line -> parse(line, type))),
                Json::close);
    }

    /** Reads a whole file with one object a line. */
    public static <T> List<T> readLines(Path file, Class<T> type) {
        try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            return reader.lines().map(line -> parse(line, type)).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(new IOException(file + ": " + firstLine(e), e));
        } catch (UncheckedIOException e) {
            throw new UncheckedIOException(new IOException(file + ": " + firstLine(e), e));
        }
    }

    private static void close(BufferedReader reader) {
        try {
            reader.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
