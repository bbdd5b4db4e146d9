package org.openstrawberry.activities.store;

import com.fasterxml.jackson.databind.JsonNode;
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
import java.util.Optional;
import java.util.stream.IntStream;
import org.openstrawberry.workflows.IterationMetrics;

/** {@code metrics.jsonl}: one flat object an iteration, the only data file that is appended to. */
public final class MetricsLog {
    private static final int LONGEST_ROW = 64 * 1024;

    private final Path file;

    /** @param runDirectory where the file lies */
    public MetricsLog(Path runDirectory) {
        this.file = runDirectory.resolve(RunLayout.METRICS);
    }

    /**
     * Writes the row of an iteration behind those of earlier ones and forces it to disk; does nothing where it is there. The
     * place is where the last whole row ends, so a row that a crash has torn is written over, and a process that was frozen
     * in between and comes back late writes the same bytes to the same place.
     */
    public void append(IterationMetrics row) {
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            Last last = last(channel);
            if (last.iteration() >= row.iteration()) {
                return;
            }
            ByteBuffer bytes = ByteBuffer.wrap((line(row) + "\n").getBytes(StandardCharsets.UTF_8));
            for (long at = last.end(); bytes.hasRemaining(); ) {
                at += channel.write(bytes, at);
            }
            channel.force(true);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * The last whole row.
     *
     * @param iteration -1 where there is none
     * @param end bytes up to its end
     */
    private record Last(int iteration, long end) {}

    /** The end of the file is enough: it is read after every iteration. */
    private static Last last(FileChannel channel) throws IOException {
        long size = channel.size();
        ByteBuffer tail = ByteBuffer.allocate((int) Math.min(size, LONGEST_ROW));
        while (tail.hasRemaining() && channel.read(tail, size - tail.remaining()) >= 0) {}
        String text = new String(tail.array(), 0, tail.position(), StandardCharsets.ISO_8859_1);
        int end = text.lastIndexOf('\n');
        if (end < 0) {
            return new Last(-1, 0);
        }
        String row = text.substring(text.lastIndexOf('\n', end - 1) + 1, end);
        return new Last(Json.parse(row, JsonNode.class).path("iteration").asInt(-1), size - text.length() + end + 1);
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

    /**
     * The first line that is not the row that should stand there; rows that are not there yet are no difference.
     *
     * @param rows as they should be, from iteration 0 on
     * @return counted from 1; empty where all agree
     */
    public Optional<Integer> firstDifference(List<IterationMetrics> rows) {
        try {
            List<String> there = linesThere();
            int common = Math.min(there.size(), rows.size());
            return IntStream.range(0, common)
                    .filter(i -> !there.get(i).equals(line(rows.get(i))))
                    .mapToObj(i -> i + 1)
                    .findFirst();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A row as it stands in the file; empty where it is none. */
    public static Optional<IterationMetrics> row(JsonNode line) {
        JsonNode iteration = line.path("iteration");
        if (!iteration.isInt()) {
            return Optional.empty();
        }
        Map<String, Double> values = new LinkedHashMap<>();
        line.fields().forEachRemaining(field -> {
            if (field.getValue().isNumber() && !field.getKey().equals("iteration")) {
                values.put(field.getKey(), field.getValue().doubleValue());
            }
        });
        return Optional.of(new IterationMetrics(iteration.intValue(), values));
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
