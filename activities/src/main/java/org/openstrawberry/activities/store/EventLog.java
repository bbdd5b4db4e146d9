package org.openstrawberry.activities.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a run went through, in {@code events.jsonl}: when it was opened, by which process, and which attempts failed. Only
 * for people; nothing of the run depends on it, so that what can't be written is left out and no step fails for it.
 */
public final class EventLog {
    private static final Logger log = LoggerFactory.getLogger(EventLog.class);
    private static final int LONGEST_DETAIL = 300;

    private final Path directory;

    /** @param directory of the run */
    public EventLog(Path directory) {
        this.directory = directory;
    }

    /** What may happen. Written in upper case. */
    public enum Kind {
        /** A workflow took the run up, after so many iterations. */
        OPENED,
        /** A process took the run's policy into its memory. */
        LEASED,
        /** An attempt at a step failed. */
        FAILED,
        /** A step was begun once more: its last attempt failed, or its process fell silent. */
        AGAIN
    }

    /**
     * A line.
     *
     * @param time UTC, as ISO 8601 writes it
     * @param process id of the process that tells it
     * @param iteration the last finished one, where that is known
     * @param step whose attempt it was
     * @param attempt counted from 1
     */
    public record Event(
            String time,
            Kind event,
            long process,
            Optional<Integer> iteration,
            Optional<String> step,
            Optional<Integer> attempt,
            Optional<String> detail) {}

    /** The run was taken up after an iteration. */
    public void opened(int iteration) {
        append(Kind.OPENED, Optional.of(iteration), Optional.empty(), Optional.empty(), Optional.empty());
    }

    /** This process trains the run from now on. */
    public void leased() {
        append(Kind.LEASED, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
    }

    /** An attempt failed. */
    public void failed(String step, int attempt, Throwable error) {
        String detail = String.valueOf(error.getMessage()).lines().findFirst().orElse("");
        append(
                Kind.FAILED,
                Optional.empty(),
                Optional.of(step),
                Optional.of(attempt),
                Optional.of(error.getClass().getSimpleName() + ": "
                        + detail.substring(0, Math.min(detail.length(), LONGEST_DETAIL))));
    }

    /** A further attempt begins. */
    public void again(String step, int attempt) {
        append(Kind.AGAIN, Optional.empty(), Optional.of(step), Optional.of(attempt), Optional.empty());
    }

    private void append(
            Kind event,
            Optional<Integer> iteration,
            Optional<String> step,
            Optional<Integer> attempt,
            Optional<String> detail) {
        if (!Files.isDirectory(directory)) {
            return;
        }
        String time = Instant.now().truncatedTo(ChronoUnit.MILLIS).toString();
        Event line = new Event(time, event, ProcessHandle.current().pid(), iteration, step, attempt, detail);
        try {
            // One write of few bytes at the end: those of two processes don't mix.
            Files.write(
                    directory.resolve(RunLayout.EVENTS),
                    (Json.line(line) + "\n").getBytes(StandardCharsets.UTF_8),
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        } catch (IOException e) {
            log.warn("{} could not be written to", RunLayout.EVENTS, e);
        }
    }

    /** All lines that can be read; one that a crash tore is left out. */
    public List<Event> events() {
        Path file = directory.resolve(RunLayout.EVENTS);
        List<Event> events = new ArrayList<>();
        if (!Files.exists(file)) {
            return events;
        }
        try {
            for (String line : new String(Files.readAllBytes(file), StandardCharsets.UTF_8)
                    .lines()
                    .toList()) {
                read(line).ifPresent(events::add);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return events;
    }

    private static Optional<Event> read(String line) {
        try {
            return Optional.ofNullable(Json.parse(line, Event.class)).filter(event -> event.event() != null);
        } catch (UncheckedIOException e) {
            return Optional.empty(); // torn
        }
    }
}
