package org.openstrawberry.activities.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.protobuf.CodedInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.TensorBoardLog.Event;
import org.openstrawberry.workflows.IterationMetrics;

/** The event file, read by hand and, where it is installed, by TensorBoard itself. */
class TensorBoardLogTest {
    private static final Event BASE = event(0, Map.of("eval/accuracy", 0.25));
    private static final Event FIRST = event(1, Map.of("loss", 0.5));
    private static final Event SECOND = event(2, Map.of("loss", -2.0));

    private static final String READ = """
            import sys
            from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
            events = EventAccumulator(sys.argv[1]); events.Reload()
            print({tag: [(e.step, e.value, e.wall_time) for e in events.Scalars(tag)] for tag in sorted(events.Tags()['scalars'])})
            """;

    private final Path folder;
    private final TensorBoardLog log;

    TensorBoardLogTest(@TempDir Path folder) {
        this.folder = folder;
        log = new TensorBoardLog(folder);
    }

    @Test
    void everyIterationIsAnEventWithItsMetrics() throws IOException {
        log.mend(List.of(BASE));
        assertThat(log.append(FIRST)).isTrue();
        assertThat(log.append(SECOND)).isTrue();

        assertThat(read()).containsExactly("0 1000.5 eval/accuracy=0.25", "1 1001.5 loss=0.5", "2 1002.5 loss=-2.0");
    }

    @Test
    void appendingGivesTheBytesThatMendingGives() throws IOException {
        log.mend(List.of(BASE));
        log.append(FIRST);
        byte[] appended = Files.readAllBytes(file());

        new TensorBoardLog(folder).mend(List.of(BASE, FIRST));

        assertThat(Files.readAllBytes(file())).isEqualTo(appended);
    }

    /** A server that lost its answer asks for the same iteration again. */
    @Test
    void anIterationThatIsThereIsNotAppendedAgain() throws IOException {
        log.mend(List.of(BASE));
        assertThat(log.append(FIRST)).isTrue();
        assertThat(log.append(FIRST)).isTrue();
        assertThat(log.append(SECOND)).isTrue();

        assertThat(read()).hasSize(3);
    }

    @Test
    void whatACrashToreIsNotAppendedTo() throws IOException {
        assertThat(log.append(BASE)).as("never looked at").isFalse();
        log.mend(List.of(BASE, FIRST));
        Files.write(file(), java.util.Arrays.copyOf(Files.readAllBytes(file()), (int) Files.size(file()) - 3));
        assertThat(log.append(SECOND)).isFalse();

        log.mend(List.of(BASE, FIRST, SECOND));

        assertThat(read()).hasSize(3);
    }

    /** The check value of CRC-32C is e3069283 (RFC 3720, "123456789"); the mask is TFRecord's. */
    @Test
    void checksumsAreThoseOfTfRecord() {
        int checksum = 0xe3069283;

        assertThat(TensorBoardLog.maskedChecksum("123456789".getBytes(StandardCharsets.US_ASCII)))
                .isEqualTo(((checksum >>> 15) | (checksum << 17)) + 0xa282ead8);
    }

    /** {@code pip install tensorboard}; {@code PYTHON} names another python3. */
    @Test
    void tensorBoardsOwnReaderFindsTheSame() throws IOException, InterruptedException {
        String python = Optional.ofNullable(System.getenv("PYTHON")).orElse("python3");
        assumeTrue(run(python, "-c", "import tensorboard").isPresent(), "tensorboard is not installed");
        log.mend(List.of(BASE, FIRST));
        log.append(SECOND);

        assertThat(run(python, "-c", READ, file().resolveSibling("").toString()))
                .contains("{'eval/accuracy': [(0, 0.25, 1000.5)], 'loss': [(1, 0.5, 1001.5), (2, -2.0, 1002.5)]}");
    }

    /** What a program prints; empty where it can't be run or fails. */
    private Optional<String> run(String... command) throws InterruptedException {
        Path out = folder.resolve("out");
        try {
            Process process = new ProcessBuilder(command)
                    .redirectOutput(out.toFile())
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            return process.waitFor() == 0 ? Optional.of(Files.readString(out).strip()) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private Path file() {
        return folder.resolve("tensorboard/events.out.tfevents.strawberry");
    }

    /** The events after the version, each in words; checksums are compared. */
    private List<String> read() throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file())).order(ByteOrder.LITTLE_ENDIAN);
        List<String> events = new ArrayList<>();
        while (bytes.hasRemaining()) {
            byte[] length = new byte[Long.BYTES];
            bytes.get(length);
            assertThat(bytes.getInt()).isEqualTo(TensorBoardLog.maskedChecksum(length));
            byte[] content = new byte
                    [(int) ByteBuffer.wrap(length)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .getLong()];
            bytes.get(content);
            assertThat(bytes.getInt()).isEqualTo(TensorBoardLog.maskedChecksum(content));
            events.add(words(CodedInputStream.newInstance(content)));
        }
        assertThat(events.remove(0)).isEqualTo("brain.Event:2");
        return events;
    }

    private static String words(CodedInputStream event) throws IOException {
        if (event.readTag() == (3 << 3 | 2)) {
            return event.readString();
        }
        double seconds = event.readDouble();
        assertThat(event.readTag()).isEqualTo(2 << 3);
        long step = event.readInt64();
        assertThat(event.readTag()).isEqualTo(5 << 3 | 2);
        CodedInputStream summary = CodedInputStream.newInstance(event.readByteArray());
        Map<String, Float> values = new LinkedHashMap<>();
        while (!summary.isAtEnd()) {
            assertThat(summary.readTag()).isEqualTo(1 << 3 | 2);
            CodedInputStream value = CodedInputStream.newInstance(summary.readByteArray());
            assertThat(value.readTag()).isEqualTo(1 << 3 | 2);
            String tag = value.readString();
            assertThat(value.readTag()).isEqualTo(2 << 3 | 5);
            values.put(tag, value.readFloat());
        }
        String metrics = values.toString();
        return step + " " + seconds + " " + metrics.substring(1, metrics.length() - 1);
    }

    private static Event event(int iteration, Map<String, Double> values) {
        return new Event(new IterationMetrics(iteration, values), 1000.5 + iteration);
    }
}
