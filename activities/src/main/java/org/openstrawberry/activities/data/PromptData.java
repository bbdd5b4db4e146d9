package org.openstrawberry.activities.data;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.ToIntFunction;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.config.DataSpec;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.PromptRows;

/**
 * The prompts that a run uses, a pure function of files and settings: rows that are broken, repeated or too long are left
 * out, and where no file of held-out prompts is given a share of the others is held out.
 *
 * @param training prompts to train on, at least one
 * @param heldOut prompts that are only answered
 */
public record PromptData(List<PromptRow> training, List<PromptRow> heldOut, Report report) {

    /**
     * What came of the rows, for the user.
     *
     * @param heldOut of the file of held-out prompts, where there is one
     */
    public record Report(FileReport prompts, Optional<FileReport> heldOut) {}

    /**
     * What came of a file's rows.
     *
     * @param rows in the file
     * @param broken left out, as {@code data.on-error} says
     * @param duplicates left out, as {@code data.drop-duplicates} says
     * @param tooLong left out, as {@code data.max-prompt-tokens} says
     * @param heldOut used, but not for training
     * @param used for what the file is for
     */
    public record FileReport(String file, int rows, int broken, int duplicates, int tooLong, int heldOut, int used) {
        /** In words. */
        public String words() {
            List<String> counts = new ArrayList<>();
            count(counts, broken, "broken");
            count(counts, duplicates, "repeated");
            count(counts, tooLong, "too long");
            return file + ": " + rows + " rows, " + used + " used"
                    + (heldOut > 0 ? ", " + heldOut + " held out" : "")
                    + (counts.isEmpty() ? "" : "; left out: " + String.join(", ", counts));
        }

        private static void count(List<String> counts, int rows, String why) {
            if (rows > 0) {
                counts.add(rows + " " + why);
            }
        }
    }

    /**
     * How rows are understood.
     *
     * @param check throws an {@link IllegalArgumentException} for a row that the reward can't use
     * @param checkHeldOut the same for a held-out row that the judge can't use
     * @param chat the text of chat messages
     * @param tokens how many a prompt has; asked only where long prompts are left out
     */
    public record Reading(
            Consumer<PromptRow> check,
            Consumer<PromptRow> checkHeldOut,
            Function<JsonNode, String> chat,
            ToIntFunction<PromptRow> tokens) {}

    /**
     * Reads the files.
     *
     * @throws InvalidInputException if a file can't be read, a row is at fault and not left out, or nothing is left
     */
    public static PromptData read(DataSpec spec, Reading reading) {
        double share = spec.heldOutFraction().orElse(0.0);
        Part training = part(Path.of(spec.prompts()), spec, reading, row -> isHeldOut(identity(row), share));
        if (spec.heldOut().isPresent()) {
            Part heldOut = part(Path.of(spec.heldOut().get()), spec, reading, row -> true);
            return new PromptData(
                    training.rows, heldOut.rows, new Report(training.report(0), Optional.of(heldOut.report(0))));
        }
        List<PromptRow> kept = new ArrayList<>(training.rows);
        List<PromptRow> heldOut = new ArrayList<>();
        if (spec.heldOutFraction().isPresent()) {
            kept.removeIf(row -> isHeldOut(identity(row), share) && heldOut.add(row));
            requireSome(kept, spec, "to train on");
            requireSome(heldOut, spec, "held out");
        }
        return new PromptData(
                List.copyOf(kept), List.copyOf(heldOut), new Report(training.report(heldOut.size()), Optional.empty()));
    }

    private static void requireSome(List<PromptRow> rows, DataSpec spec, String what) {
        if (rows.isEmpty()) {
            throw new InvalidInputException(spec.prompts() + ": data.held-out-fraction leaves no prompts " + what
                    + "; expected another fraction, more prompts, or data.held-out");
        }
    }

    /** Whether a prompt is held out: the same text always is or never, whatever stands beside it. */
    public static boolean isHeldOut(String prompt, double share) {
        byte[] hash = Hashes.newSha256().digest(prompt.getBytes(StandardCharsets.UTF_8));
        return (ByteBuffer.wrap(hash).getLong() >>> 11) * 0x1p-53 < share;
    }

    /** What is used of one file. */
    private record Part(Path file, List<PromptRow> rows, int broken, int duplicates, int tooLong) {
        FileReport report(int heldOut) {
            return new FileReport(
                    String.valueOf(file.getFileName()),
                    rows.size() + broken + duplicates + tooLong,
                    broken,
                    duplicates,
                    tooLong,
                    heldOut,
                    rows.size() - heldOut);
        }
    }

    /** The messages as they were written, so that another template holds out the same. */
    private static String identity(PromptRow row) {
        return row.messages().map(JsonNode::toString).orElse(row.prompt());
    }

    private static Part part(Path file, DataSpec spec, Reading reading, Predicate<PromptRow> heldOut) {
        PromptRows read = PromptFiles.read(file, spec);
        List<PromptRow> rows = new ArrayList<>();
        Set<String> seen = new HashSet<>();
        int broken = read.broken();
        int duplicates = 0;
        int tooLong = 0;
        for (PromptRow row : read.rows()) {
            try {
                reading.check().accept(row);
                if (heldOut.test(row)) {
                    reading.checkHeldOut().accept(row);
                }
            } catch (IllegalArgumentException e) {
                if (!spec.skipsBroken()) {
                    throw new InvalidInputException(row.place(file) + ": " + e.getMessage(), e);
                }
                broken++;
                continue;
            }
            if (spec.dropDuplicates() && !seen.add(row.prompt())) {
                duplicates++;
                continue;
            }
            PromptRow text = rendered(row, file, reading);
            if (spec.maxPromptTokens().isPresent()
                    && tokens(text, file, reading) > spec.maxPromptTokens().get()) {
                tooLong++;
                continue;
            }
            rows.add(text);
        }
        if (rows.isEmpty()) {
            throw new InvalidInputException(file + ": no prompt is left of " + (broken + duplicates + tooLong)
                    + " rows: " + broken + " are broken, " + duplicates + " repeated, " + tooLong + " too long");
        }
        return new Part(file, List.copyOf(rows), broken, duplicates, tooLong);
    }

    private static PromptRow rendered(PromptRow row, Path file, Reading reading) {
        if (row.messages().isEmpty()) {
            return row;
        }
        try {
            return row.rendered(reading.chat().apply(row.messages().get()));
        } catch (InvalidInputException e) {
            throw new InvalidInputException(row.place(file) + ": " + e.getMessage(), e);
        }
    }

    private static int tokens(PromptRow row, Path file, Reading reading) {
        try {
            return reading.tokens().applyAsInt(row);
        } catch (InvalidInputException e) {
            throw new InvalidInputException(row.place(file) + ": " + e.getMessage(), e);
        }
    }
}
