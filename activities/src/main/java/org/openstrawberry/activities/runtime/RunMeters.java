package org.openstrawberry.activities.runtime;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.workflows.Health;
import org.openstrawberry.workflows.Health.Check;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.steps.RunRef;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The runs of this process as meters, each with the run's id as the tag {@code run}. The newest metrics are gauges:
 * {@code rewards/margins} is {@code strawberry.rewards.margins}. Times by phase are not among them: those are timers of
 * every step. A process may live for months, so a run's meters go some time after its end.
 */
public final class RunMeters implements RunListener, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(RunMeters.class);
    private static final String PREFIX = "strawberry.";
    private static final String PHASES = "phase/seconds/";
    private static final String REWARD_TRAINING = "reward/training/";
    private static final String RUN = "run";

    /** How long a run that has ended is still shown, so that whoever looks every few minutes sees its end. */
    static final Duration AFTER_END = Duration.ofMinutes(5);

    /** Once nothing of a run was done here for so long, its server is asked whether it still lives. */
    static final Duration QUIET = Duration.ofMinutes(2);

    /** How long a run is shown that lives, as far as anybody knows, but is not worked on here: others may do that. */
    static final Duration IDLE = Duration.ofDays(1);

    /** How much newer than here a run's rows are once another process writes them; clocks of hosts differ. */
    private static final Duration ELSEWHERE = Duration.ofMinutes(1);

    private static final Duration TIDY = Duration.ofMinutes(1);

    /** What is known of a run's workflow. */
    public enum State {
        /** It lives, though it may be paused or wait for somebody. */
        RUNNING,
        /** It has come to its end. */
        DONE,
        /** It has ended before: it failed, or was cancelled or terminated. */
        FAILED
    }

    private final MeterRegistry meters;
    private final Function<String, Optional<State>> server;
    private final Clock clock;
    private final Map<String, Shown> runs = new ConcurrentHashMap<>();

    /** Those that stand already, by run. Guarded by this. */
    private final Map<String, Set<Named>> gauges = new HashMap<>();

    private final ScheduledExecutorService tidying = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "run-meters");
        thread.setDaemon(true);
        return thread;
    });

    private record Named(String name, Tags tags) {}

    /**
     * What is known of a run.
     *
     * @param directory empty where only steps were seen that don't tell it
     * @param values of the newest row
     * @param recorded when that row was recorded here, or when the run was taken up
     * @param touched when anything of it was last done here
     */
    private record Shown(
            Optional<Path> directory,
            Map<String, Double> values,
            Optional<Instant> recorded,
            Instant touched,
            State state,
            Optional<Instant> ended) {
        static Shown fresh(Optional<Path> directory, Instant now) {
            return new Shown(directory, Map.of(), Optional.empty(), now, State.RUNNING, Optional.empty());
        }

        Shown at(Instant now) {
            return new Shown(directory, values, recorded, now, state, ended);
        }

        Shown running(Instant now) {
            return new Shown(directory, values, Optional.of(now), now, State.RUNNING, Optional.empty());
        }

        Shown with(Map<String, Double> newest, Instant now) {
            return new Shown(directory, newest, Optional.of(now), now, State.RUNNING, Optional.empty());
        }

        Shown elsewhere() {
            return new Shown(directory, Map.of(), Optional.empty(), touched, state, ended);
        }

        Shown over(State how, Instant now) {
            return new Shown(directory, values, recorded, touched, how, Optional.of(ended.orElse(now)));
        }
    }

    /**
     * @param meters where the gauges stand
     * @param server tells by a run's id what has become of it, which a run that is terminated tells nobody else; empty where
     *     it is not known. Must not throw
     */
    public RunMeters(MeterRegistry meters, Function<String, Optional<State>> server) {
        this(meters, server, Clock.systemUTC());
    }

    RunMeters(MeterRegistry meters, Function<String, Optional<State>> server, Clock clock) {
        this.meters = meters;
        this.server = server;
        this.clock = clock;
        tidying.scheduleWithFixedDelay(this::tidy, TIDY.toSeconds(), TIDY.toSeconds(), TimeUnit.SECONDS);
    }

    /** The run's states, and since when nothing came of it. */
    @Override
    public void opened(RunRef run) {
        runs.compute(run.id(), (id, known) -> of(run, known).running(clock.instant()));
        for (State state : State.values()) {
            gauge(
                    run,
                    "run.state",
                    "1 for the state that the run is in.",
                    Tags.of("state", state.name().toLowerCase(Locale.ROOT)),
                    () -> is(runs.get(run.id()), state));
        }
        gauge(
                run,
                "last.iteration.timestamp.seconds",
                "When the run's last iteration was recorded, or the run taken up, in Unix time.",
                Tags.empty(),
                () -> seconds(runs.get(run.id())));
    }

    /** Shows an iteration in the place of the one before; what it lacks has no value any more. */
    @Override
    public void recorded(RunRef run, IterationMetrics row) {
        opened(run);
        Map<String, Double> values = new HashMap<>(row.values());
        values.put("iteration", (double) row.iteration());
        values.put("unhealthy", (double) Health.warned(row).size());
        runs.compute(run.id(), (id, known) -> of(run, known).with(values, clock.instant()));
        values.keySet().stream().filter(name -> !name.startsWith(PHASES)).forEach(name -> gauge(run, name));
        // All of them from the start, so that whoever asks for one that has not warned finds no value, not no metric.
        for (Check check : Check.values()) {
            gauge(run, check.metric());
        }
        counter(run, "tokens", "Tokens of thoughts.")
                .increment(row.value("thoughts/tokens").orElse(0.0));
        counter(run, "iterations", "Iterations that were recorded.").increment(row.iteration() > 0 ? 1 : 0);
    }

    /** Shows where the training of a reward model is: {@code eval_accuracy} is {@code strawberry.reward.training.eval.accuracy}. */
    @Override
    public void trained(RunRef run, int step, int steps, Map<String, Double> metrics) {
        opened(run);
        Map<String, Double> values = new HashMap<>();
        metrics.forEach((name, value) -> values.put(REWARD_TRAINING + name.replace('_', '/'), value));
        values.put(REWARD_TRAINING + "step", (double) step);
        values.put(REWARD_TRAINING + "steps", (double) steps);
        runs.compute(run.id(), (id, known) -> of(run, known).with(values, clock.instant()));
        values.keySet().forEach(name -> gauge(run, name));
    }

    private static double is(@Nullable Shown run, State state) {
        return run != null && run.state() == state ? 1 : 0;
    }

    private static double seconds(@Nullable Shown run) {
        return run == null
                ? Double.NaN
                : run.recorded().map(then -> then.toEpochMilli() / 1e3).orElse(Double.NaN);
    }

    private void gauge(RunRef run, String name) {
        gauge(run, name.replace('/', '.'), "", Tags.empty(), () -> value(runs.get(run.id()), name));
    }

    private synchronized void gauge(RunRef run, String name, String description, Tags tags, Supplier<Number> value) {
        if (gauges.computeIfAbsent(run.id(), id -> new HashSet<>()).add(new Named(name, tags))) {
            Gauge.builder(PREFIX + name, value)
                    .description(description)
                    .tags(tags.and(RUN, run.id()))
                    .register(meters);
        }
    }

    private static double value(@Nullable Shown run, String name) {
        return run == null ? Double.NaN : run.values().getOrDefault(name, Double.NaN);
    }

    private Counter counter(RunRef run, String name, String description) {
        return Counter.builder(PREFIX + name)
                .description(description)
                .tag(RUN, run.id())
                .register(meters);
    }

    @Override
    public void finished(RunRef run) {
        runs.computeIfPresent(run.id(), (id, known) -> known.over(State.DONE, clock.instant()));
    }

    @Override
    public void failed(RunRef run) {
        runs.computeIfPresent(run.id(), (id, known) -> known.over(State.FAILED, clock.instant()));
    }

    /**
     * Counts an attempt at a step.
     *
     * @param directory of the run, where the step has told it
     * @param attempt counted from 1
     * @param role of the task queue that it came by
     */
    void step(
            String run, Optional<Path> directory, String phase, String role, int attempt, boolean failed, long nanos) {
        runs.compute(run, (id, known) -> of(directory, known).at(clock.instant()));
        Tags tags = Tags.of("phase", phase, RUN, run, "role", role);
        meters.timer(PREFIX + "phase.seconds", tags).record(nanos, TimeUnit.NANOSECONDS);
        meters.counter(PREFIX + "step.failures", tags).increment(failed ? 1 : 0);
        meters.counter(PREFIX + "step.retries", tags).increment(attempt > 1 ? 1 : 0);
    }

    private Shown of(RunRef run, @Nullable Shown known) {
        return of(Optional.of(Path.of(run.directory())), known);
    }

    private Shown of(Optional<Path> directory, @Nullable Shown known) {
        Instant now = clock.instant();
        return known == null || (known.directory().isEmpty() && directory.isPresent())
                ? Shown.fresh(directory, now)
                : known;
    }

    /** Lets go of the runs that are over, or were not worked on here for long. */
    void tidy() {
        try {
            Instant now = clock.instant();
            for (Map.Entry<String, Shown> entry : List.copyOf(runs.entrySet())) {
                tidy(entry.getKey(), entry.getValue(), now);
            }
        } catch (RuntimeException e) {
            // An error that got out would end the tidying for good.
            log.warn("meters of runs are not tidied up", e);
        }
    }

    private void tidy(String id, Shown run, Instant now) {
        if (run.ended().isEmpty()
                && in(run, RunLayout.RESULT).filter(Files::exists).isPresent()) {
            runs.computeIfPresent(id, (key, known) -> known.over(State.DONE, now));
            return;
        }
        if (run.ended().isEmpty() && run.touched().plus(QUIET).isBefore(now)) {
            Optional<State> end = server.apply(id).filter(state -> state != State.RUNNING);
            if (end.isPresent()) {
                // Unless it was taken up again while the server answered.
                runs.computeIfPresent(id, (key, known) -> known.equals(run) ? known.over(end.get(), now) : known);
                return;
            }
        }
        boolean over =
                run.ended().filter(end -> end.plus(AFTER_END).isBefore(now)).isPresent();
        if (over || run.touched().plus(IDLE).isBefore(now)) {
            runs.remove(id);
            forget(id, meter -> true);
        } else if (run.recorded().isPresent() && run.ended().isEmpty() && isRecordedElsewhere(run)) {
            runs.computeIfPresent(id, (key, known) -> known.elsewhere());
            forget(id, meter -> meter.getId().getType() == Meter.Type.GAUGE);
        }
    }

    /** Two processes that serve workflows may take a run from each other. */
    private static boolean isRecordedElsewhere(Shown run) {
        Instant since = run.recorded().orElseThrow().plus(ELSEWHERE);
        return in(run, RunLayout.METRICS)
                .flatMap(RunMeters::modified)
                .filter(newest -> newest.isAfter(since))
                .isPresent();
    }

    private static Optional<Instant> modified(Path file) {
        try {
            return Optional.of(Files.getLastModifiedTime(file).toInstant());
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Optional<Path> in(Shown run, String file) {
        return run.directory().map(directory -> directory.resolve(file));
    }

    /** @param which all of its gauges at least */
    private synchronized void forget(String run, Predicate<Meter> which) {
        gauges.remove(run);
        meters.getMeters().stream()
                .filter(meter -> run.equals(meter.getId().getTag(RUN)))
                .filter(which)
                .forEach(meters::remove);
    }

    @Override
    public void close() {
        tidying.shutdownNow();
    }
}
