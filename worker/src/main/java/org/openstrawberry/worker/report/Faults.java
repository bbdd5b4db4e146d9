package org.openstrawberry.worker.report;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.openstrawberry.activities.store.EventLog;
import org.openstrawberry.activities.store.EventLog.Event;
import org.openstrawberry.activities.store.EventLog.Kind;

/**
 * What a run went through and survived.
 *
 * @param known false for a run of a version that kept no record
 * @param events the newest, oldest first
 */
record Faults(boolean known, List<Count> counts, List<Line> events) {
    private static final int SHOWN = 40;

    /** How often something happened. */
    record Count(String what, long times) {}

    /** An event, in words. */
    record Line(String time, String what) {}

    static Faults of(RunReading run) {
        List<Event> events = new EventLog(run.directory()).events();
        long opened = count(events, Kind.OPENED);
        List<String> aside = movedAside(run.directory());
        List<Count> counts = List.of(
                new Count("restarts", Math.max(0, opened - 1)),
                new Count(
                        "takeovers of the policy by another process", Math.max(0, count(events, Kind.LEASED) - opened)),
                new Count("attempts that failed", count(events, Kind.FAILED)),
                new Count("steps begun once more", count(events, Kind.AGAIN)),
                new Count("damaged files moved aside", aside.size()));
        List<Line> lines = new ArrayList<>();
        events.forEach(event -> lines.add(new Line(event.time(), words(event))));
        aside.forEach(file -> lines.add(new Line("", "moved aside as damaged or half written: " + file)));
        return new Faults(!events.isEmpty(), counts, lines.subList(Math.max(0, lines.size() - SHOWN), lines.size()));
    }

    long survived() {
        return counts.stream().mapToLong(Count::times).sum();
    }

    private static long count(List<Event> events, Kind kind) {
        return events.stream().filter(event -> event.event() == kind).count();
    }

    private static String words(Event event) {
        return switch (event.event()) {
            case OPENED ->
                "taken up after iteration " + event.iteration().orElse(0) + ", by process " + event.process();
            case LEASED -> "policy held by process " + event.process();
            case FAILED ->
                event.step().orElse("a step") + " failed, attempt "
                        + event.attempt().orElse(1) + ": " + event.detail().orElse("");
            case AGAIN ->
                event.step().orElse("a step") + " begun once more, attempt "
                        + event.attempt().orElse(1);
        };
    }

    private static List<String> movedAside(Path directory) {
        try (Stream<Path> walk = Files.walk(directory, 3)) {
            return walk.filter(path -> path.getFileName().toString().matches(".*\\.invalid-\\d+"))
                    .map(path -> directory.relativize(path).toString())
                    .sorted(Comparator.naturalOrder())
                    .toList();
        } catch (IOException | UncheckedIOException e) {
            return List.of(); // files come and go while the run lives
        }
    }
}
