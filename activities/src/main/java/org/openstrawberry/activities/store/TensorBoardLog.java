package org.openstrawberry.activities.store;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;
import org.openstrawberry.workflows.IterationMetrics;

/**
 * The metrics once more, as TensorBoard reads them: an event file of one event an iteration, in the framing of TFRecord
 * (length, its checksum, content, its checksum) and with the fields of TensorFlow's {@code event.proto} and
 * {@code summary.proto}. Its bytes are a function of the rows and of when they were recorded, so it can be written anew.
 */
public final class TensorBoardLog {
    /** TensorBoard looks for this word in names. */
    private static final String FILE = "events.out.tfevents.strawberry";

    /** Of a record: its length, that one's checksum, and the content's. */
    private static final int FRAME = Long.BYTES + 2 * Integer.BYTES;

    // Numbers of fields in event.proto and summary.proto.
    private static final int WALL_TIME = 1;
    private static final int STEP = 2;
    private static final int FILE_VERSION = 3;
    private static final int SUMMARY = 5;
    private static final int VALUE = 1;
    private static final int TAG = 1;
    private static final int SIMPLE_VALUE = 2;

    private final Path file;
    private long end = -1;
    private int last = -1; // iteration

    /** @param runDirectory below which the file lies */
    public TensorBoardLog(Path runDirectory) {
        file = runDirectory.resolve(RunLayout.TENSORBOARD).resolve(FILE);
    }

    /**
     * A row and when it was recorded.
     *
     * @param seconds since 1970
     */
    public record Event(IterationMetrics row, double seconds) {}

    /** Makes the file hold exactly these events. */
    public synchronized void mend(List<Event> events) {
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        expected.writeBytes(record(version()));
        events.forEach(event -> expected.writeBytes(record(content(event))));
        byte[] bytes = expected.toByteArray();
        try {
            Files.createDirectories(file.resolveSibling(""));
            if (!Files.exists(file) || !Arrays.equals(Files.readAllBytes(file), bytes)) {
                DurableFiles.replace(file, temporary -> Files.write(temporary, bytes));
            }
            end = bytes.length;
            last = events.isEmpty() ? -1 : events.get(events.size() - 1).row().iteration();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Writes the event of the iteration after the last one that is there; one that is there already is not written again.
     *
     * @return false, and nothing is written, where the file is not as this left it: then it has to be mended
     */
    public synchronized boolean append(Event event) {
        try {
            if (end < 0 || !Files.exists(file) || Files.size(file) != end) {
                return false;
            }
            if (event.row().iteration() <= last) {
                return true;
            }
            byte[] bytes = record(content(event));
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                ByteBuffer buffer = ByteBuffer.wrap(bytes);
                for (long at = end; buffer.hasRemaining(); ) {
                    at += channel.write(buffer, at);
                }
            }
            end += bytes.length;
            last = event.row().iteration();
            return true;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] version() {
        return message(out -> out.writeString(FILE_VERSION, "brain.Event:2"));
    }

    private static byte[] content(Event event) {
        byte[] summary = message(out -> {
            for (var metric : event.row().values().entrySet()) {
                out.writeByteArray(VALUE, message(value -> {
                    value.writeString(TAG, metric.getKey());
                    value.writeFloat(SIMPLE_VALUE, metric.getValue().floatValue());
                }));
            }
        });
        return message(out -> {
            out.writeDouble(WALL_TIME, event.seconds());
            out.writeInt64(STEP, event.row().iteration());
            out.writeByteArray(SUMMARY, summary);
        });
    }

    private interface Fields {
        void write(CodedOutputStream out) throws IOException;
    }

    private static byte[] message(Fields fields) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        try {
            fields.write(out);
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private static byte[] record(byte[] content) {
        ByteBuffer record = ByteBuffer.allocate(FRAME + content.length).order(ByteOrder.LITTLE_ENDIAN);
        record.putLong(content.length);
        record.putInt(maskedChecksum(Arrays.copyOf(record.array(), Long.BYTES)));
        record.put(content);
        record.putInt(maskedChecksum(content));
        return record.array();
    }

    /** As TFRecord has it, so that a checksum of something with checksums in it is not odd. */
    static int maskedChecksum(byte[] content) {
        CRC32C checksum = new CRC32C();
        checksum.update(content);
        int value = (int) checksum.getValue();
        return Integer.rotateRight(value, 15) + 0xa282ead8;
    }
}
