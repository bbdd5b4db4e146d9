package org.openstrawberry.activities.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openstrawberry.workflows.IterationMetrics;

/** {@code metrics.jsonl}: one flat object an iteration, the only data file that is appended to. */
public final class MetricsLog {
    private static final int LONGEST_ROW = 64 * 1024;

    private final Path file;

    /** @param runDirectory where the file lies */
    public MetricsLog(Path runDirectory) {
        this.file = runDirectory.resolve(RunLayout.METRICS);
    }

    /** Appends the row of an iteration and forces it to disk; does nothing where it is the last row already. */
    public void append(IterationMetrics row) {
        if (line(row).equals(lastLine())) {
            return;
        }
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.APPEND, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap((line(row) + "\n").getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Makes the file hold exactly these rows: a crash may have torn, repeated or lost the last ones. */
    public void mend(List<IterationMetrics> rows) {
        List<String> expected = rows.stream().map(MetricsLog::line).toList();
        try {
            if (!expected.equals(linesThere())) {
                DurableFiles.replace(file, temporary -> Files.write(temporary, expected));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The end of the file is enough: it is read after every iteration. */
    private String lastLine() {
        if (!Files.exists(file)) {
            return "";
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            int length = (int) Math.min(channel.size(), LONGEST_ROW);
            ByteBuffer end = ByteBuffer.allocate(length);
            channel.read(end, channel.size() - length);
            String[] lines = new String(end.array(), 0, end.position(), StandardCharsets.UTF_8).split("\n");
            return lines[lines.length - 1];
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private List<String> linesThere() throws IOException {
        if (!Files.exists(file)) {
            return List.of();
        }
        String text = Files.readString(file);
        List<String> lines = new ArrayList<>(text.lines().toList());
        if (!text.isEmpty() && !text.endsWith("\n")) {
            lines.remove(lines.size() - 1);
        }
        return lines;
    }

    private static String line(IterationMetrics row) {
        Map<String, Object> flat = new LinkedHashMap<>();
        flat.put("iteration", row.iteration());
        flat.putAll(row.values());
        return Json.line(flat);
    }
}
