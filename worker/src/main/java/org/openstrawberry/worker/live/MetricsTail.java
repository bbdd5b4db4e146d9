package org.openstrawberry.worker.live;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.MetricsLog;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.workflows.IterationMetrics;

/** {@code metrics.jsonl} as it grows: each look reads what has come since the last one. */
final class MetricsTail {
    private final Path file;
    private final TreeMap<Integer, IterationMetrics> rows = new TreeMap<>();
    private List<IterationMetrics> known = List.of();
    private Object version = "";
    private long end;

    MetricsTail(Path runDirectory) {
        file = runDirectory.resolve(RunLayout.METRICS);
    }

    /** All whole rows so far, in the order of iterations. */
    synchronized List<IterationMetrics> rows() {
        try {
            if (readOn()) {
                known = List.copyOf(rows.values());
            }
            return known;
        } catch (NoSuchFileException e) {
            return known;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean readOn() throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            Object now = Optional.ofNullable(Files.readAttributes(file, BasicFileAttributes.class)
                            .fileKey())
                    .orElse(file);
            if (!now.equals(version) || channel.size() < end) { // mended after a crash, or of a run begun anew
                rows.clear();
                version = now;
                end = 0;
            }
            ByteBuffer more = ByteBuffer.allocate(Math.toIntExact(channel.size() - end));
            while (more.hasRemaining() && channel.read(more, end + more.position()) >= 0) {}
            int whole = more.position();
            while (whole > 0 && more.get(whole - 1) != '\n') {
                whole--;
            }
            new String(more.array(), 0, whole, StandardCharsets.UTF_8).lines().forEach(this::add);
            end += whole;
            return whole > 0;
        }
    }

    private void add(String line) {
        try {
            MetricsLog.row(Json.parse(line, JsonNode.class)).ifPresent(row -> rows.put(row.iteration(), row));
        } catch (UncheckedIOException e) {
            // A damaged row is told of by the report and by verify; the page goes on without it.
        }
    }
}
