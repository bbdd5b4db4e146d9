package org.openstrawberry.worker.live;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Phaser;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.Supplier;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.Adjustment;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.worker.report.Examples;
import org.openstrawberry.worker.report.RunViews;
import org.openstrawberry.worker.report.Tile;
import org.openstrawberry.workflows.Health;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.Progress;
import org.openstrawberry.workflows.client.RunHandle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;

/**
 * A run that a page shows. It is asked only while somebody looks, once for all who do; each of them is told what is new to
 * them, and whoever can't keep up is told the newest.
 */
final class LiveRun {
    private static final Logger log = LoggerFactory.getLogger(LiveRun.class);
    private static final Duration LOOK = Duration.ofMillis(500);
    /** Told again after so long although nothing changed, so that silence means that the run doesn't answer. */
    private static final Duration SIGN_OF_LIFE = Duration.ofSeconds(10);

    /** A run that has ended may be started again. */
    private static final Duration LOOK_AT_ENDED = Duration.ofSeconds(5);

    private static final Duration FORGOTTEN_AFTER = Duration.ofMinutes(5);
    private static final int MOST_FAILURES_LOGGED = 100;
    private static final Duration LAST_WORDS = Duration.ofSeconds(4);

    private final RunSource.Shown run;
    private final Scheduler scheduler;
    private final Flux<Moment> moments;
    private final Sinks.One<Boolean> closing = Sinks.one();
    private final Phaser readers = new Phaser(1);
    private final AtomicReference<Optional<RunBrowser.Thinking>> thinking = new AtomicReference<>(Optional.empty());
    private final AtomicReference<Optional<RunBrowser>> browser = new AtomicReference<>(Optional.empty());
    private final AtomicReference<Warnings> warnings = new AtomicReference<>(new Warnings(-1, List.of()));
    private final MetricsTail tail;
    private final List<IterationMetrics> asked = new ArrayList<>();
    private final Kept<List<IterationMetrics>> rowsRead = new Kept<>("its metrics", List.of());
    private final Kept<List<String>> warningsRead = new Kept<>("its warnings", List.of());
    private final Kept<Optional<RunBrowser.Thinking>> thoughtsRead = new Kept<>("its thoughts", Optional.empty());
    private final View<List<Tile>> figures = new View<>(RunViews::figures);
    private final View<Optional<Examples>> examples = new View<>(RunViews::examples);
    private final AtomicBoolean over = new AtomicBoolean();
    private volatile long usedAt = System.nanoTime();

    LiveRun(RunSource.Shown run, Scheduler scheduler) {
        this.run = run;
        this.scheduler = scheduler;
        tail = new MetricsTail(run.directory());
        moments = Flux.defer(this::looks)
                .repeat()
                .concatMap(this::moment, 1)
                .replay(1)
                .refCount(1);
    }

    /** At one pace, until it should be another one. */
    private Flux<Progress> looks() {
        return run.handle()
                .progress(over.get() ? LOOK_AT_ENDED : LOOK)
                .takeUntil(progress -> over.getAndSet(progress.state().isOver())
                        != progress.state().isOver());
    }

    /**
     * What was read last. Where it can't be read now, as by a damaged file, that stays, what else there is to tell is told,
     * and each failure is logged once.
     */
    private final class Kept<T> {
        private final String what;
        private final Set<String> logged = new HashSet<>();
        private T last;

        Kept(String what, T first) {
            this.what = what;
            last = first;
        }

        synchronized T read(Supplier<T> reading) {
            try {
                last = reading.get();
            } catch (RuntimeException e) {
                if (logged.size() < MOST_FAILURES_LOGGED && logged.add(e.toString())) {
                    log.warn("{}: the live page can't read {}", run.id(), what, e);
                }
            }
            return last;
        }
    }

    /** Something that all of the run's rows are read for, once for all who look. */
    private final class View<T> {
        private final Function<Path, T> reading;
        private Optional<Read<T>> last = Optional.empty();

        View(Function<Path, T> reading) {
            this.reading = reading;
        }

        synchronized T now() {
            List<IterationMetrics> rows = tail.rows();
            Version version = new Version(
                    rows.size(),
                    rows.isEmpty() ? -1 : rows.get(rows.size() - 1).iteration(),
                    Files.exists(run.directory().resolve(RunLayout.RESULT)));
            Read<T> now = last.filter(read -> read.version().equals(version))
                    .orElseGet(() -> new Read<>(version, reading.apply(run.directory())));
            last = Optional.of(now);
            return now.value();
        }
    }

    private record Version(int rows, int last, boolean ended) {}

    private record Read<T>(Version version, T value) {}

    /** What there is to tell at a time. */
    private record Moment(Standing standing, List<IterationMetrics> rows, Optional<RunBrowser.Thinking> thinking) {}

    /** Those of an iteration, in words. */
    private record Warnings(int iteration, List<String> words) {}

    /**
     * How a run stands.
     *
     * @param warnings what is unhealthy in the newest iteration, each with a way out
     * @param reachable whether the run's directory can be read from here
     */
    record Standing(
            String state,
            String phase,
            int warmUpStep,
            int warmUpSteps,
            int iteration,
            int iterations,
            Optional<Double> accuracy,
            Optional<Double> secondsLeft,
            Optional<String> reason,
            List<String> warnings,
            boolean reachable) {}

    /**
     * Something to tell a reader.
     *
     * @param kind standing, rows, thinking or end
     * @param known the last iteration whose row the reader then has
     */
    record Event(String kind, Object data, int known) {}

    /** What a page is to know before anything else. */
    record About(String id, String directory, boolean reachable, Map<String, String> adjustable) {}

    About about() {
        return new About(
                run.id(),
                run.directory().toString(),
                run.isReachable(),
                Adjustment.adjustable(run.handle().spec()));
    }

    /** @throws InvalidInputException if the directory can't be read from here */
    List<Tile> figures() {
        browser();
        return figures.now();
    }

    /** @throws InvalidInputException if the directory can't be read from here */
    Optional<Examples> examples() {
        browser();
        return examples.now();
    }

    /** Somebody has asked for it. */
    void use() {
        usedAt = System.nanoTime();
    }

    /** Whether nobody has looked for some minutes. */
    boolean isForgotten() {
        return readers.getRegisteredParties() == 1 && System.nanoTime() - usedAt > FORGOTTEN_AFTER.toNanos();
    }

    /** Ends it for those who look, and frees what it holds. */
    void close() {
        end();
        browser.getAndSet(Optional.empty()).ifPresent(RunBrowser::close);
    }

    RunHandle handle() {
        return run.handle();
    }

    RunSource.Shown shown() {
        return run;
    }

    /** All rows that can be had: those of the directory, else those that the workflow keeps. */
    List<IterationMetrics> rows() {
        return run.isReachable() ? tail.rows() : askedRows();
    }

    private List<IterationMetrics> askedRows() {
        synchronized (asked) {
            int known = asked.isEmpty() ? -1 : asked.get(asked.size() - 1).iteration();
            run.handle().history(known).forEach(row -> asked.add(finite(row)));
            return List.copyOf(asked);
        }
    }

    /** As rows of a file are read, where what is no number stands as text. */
    private static IterationMetrics finite(IterationMetrics row) {
        Map<String, Double> values = new LinkedHashMap<>(row.values());
        values.values().removeIf(value -> !Double.isFinite(value));
        return new IterationMetrics(row.iteration(), values);
    }

    /** @throws InvalidInputException if the directory can't be read from here */
    RunBrowser browser() {
        if (!run.isReachable()) {
            throw new InvalidInputException(
                    "the run's directory, " + run.directory() + ", can't be read by the process that serves this page");
        }
        return browser.updateAndGet(known -> known.or(() -> Optional.of(new RunBrowser(run.directory()))))
                .orElseThrow();
    }

    private Mono<Moment> moment(Progress progress) {
        return Mono.fromCallable(() -> {
                    List<IterationMetrics> rows = rowsRead.read(this::rows);
                    return new Moment(standing(progress, rows), rows, thoughtsRead.read(this::thinking));
                })
                .subscribeOn(scheduler)
                .doOnError(e -> log.warn("{}: the live page can't read the run", run.id(), e))
                .onErrorResume(e -> Mono.empty());
    }

    private Standing standing(Progress progress, List<IterationMetrics> rows) {
        return new Standing(
                progress.state().written(),
                progress.phase(),
                progress.warmUpStep(),
                progress.warmUpSteps(),
                progress.iteration(),
                progress.iterations(),
                progress.accuracy(),
                progress.secondsLeft(),
                progress.reason(),
                rows.isEmpty() ? List.of() : warningsRead.read(() -> warnings(rows.get(rows.size() - 1))),
                run.isReachable());
    }

    private List<String> warnings(IterationMetrics row) {
        return warnings.updateAndGet(known ->
                        known.iteration() == row.iteration() ? known : new Warnings(row.iteration(), words(row)))
                .words();
    }

    private List<String> words(IterationMetrics row) {
        List<Health.Check> warned = Health.warned(row);
        if (warned.isEmpty()) {
            return List.of();
        }
        RunSpec spec = run.handle().spec();
        return warned.stream()
                .map(check -> Health.words(spec.health(), check, row))
                .toList();
    }

    /** Files are read anew only where there are others. */
    private Optional<RunBrowser.Thinking> thinking() {
        if (!run.isReachable()) {
            return Optional.empty();
        }
        RunBrowser.Thinking now = browser().thinking();
        return thinking.updateAndGet(
                known -> known.filter(before -> before.version().equals(now.version()))
                        .or(() -> Optional.of(browser().read(now))));
    }

    /**
     * What there is to tell a reader from now on, until the page is closed.
     *
     * @param after last iteration whose row it has; −1 for none
     */
    Flux<Event> events(int after) {
        return Flux.defer(() -> {
            Reader reader = new Reader(after);
            readers.register();
            Flux<Event> told = moments.onBackpressureLatest()
                    .takeUntilOther(closing.asMono())
                    .concatMapIterable(reader::news, 1);
            // A run that has ended can still be asked.
            Flux<Event> lastWords = run.handle()
                    .progress(LOOK)
                    .next()
                    .flatMap(this::moment)
                    .timeout(LAST_WORDS, Mono.empty())
                    .flatMapIterable(reader::news);
            Mono<Event> end = Mono.fromCallable(() -> new Event("end", Map.of(), reader.known));
            return Flux.concat(told, lastWords, end).doFinally(signal -> {
                use();
                readers.arriveAndDeregister();
            });
        });
    }

    /** One who looks, and what they know. */
    private static final class Reader {
        private int known;
        private String thinking = "";
        private Optional<Standing> standing = Optional.empty();
        private long toldAt;

        Reader(int known) {
            this.known = known;
        }

        List<Event> news(Moment moment) {
            List<Event> news = new ArrayList<>();
            List<IterationMetrics> rows = moment.rows().stream()
                    .filter(row -> row.iteration() > known)
                    .toList();
            if (!rows.isEmpty()) {
                known = rows.get(rows.size() - 1).iteration();
                news.add(new Event("rows", rows, known));
            }
            moment.thinking().filter(now -> !now.version().equals(thinking)).ifPresent(now -> {
                thinking = now.version();
                news.add(new Event("thinking", now, known));
            });
            // The last, so that nothing but the end follows when the run is done.
            boolean silent = System.nanoTime() - toldAt > SIGN_OF_LIFE.toNanos();
            if (silent || standing.filter(moment.standing()::equals).isEmpty()) {
                standing = Optional.of(moment.standing());
                toldAt = System.nanoTime();
                news.add(new Event("standing", moment.standing(), known));
            }
            return news;
        }
    }

    /** Tells all readers how the run ended, as far as that is known, and that this is all. */
    void end() {
        closing.tryEmitValue(true);
    }

    /** Waits a little until they are told. */
    void awaitEnd() {
        try {
            readers.awaitAdvanceInterruptibly(readers.arrive(), LAST_WORDS.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            log.debug("{}: a reader of the live page is too slow for its end", run.id());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
