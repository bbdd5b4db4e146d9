package org.openstrawberry.worker.mlflow;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.openstrawberry.activities.runtime.RunListener;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.steps.RunRef;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logs runs to MLflow, from a thread of its own. A run that has news is remembered, not the news: they are in its directory.
 * So a server that is slow or down costs no memory and no time of a step, and gets everything once it answers.
 */
public final class MlflowLog implements RunListener, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(MlflowLog.class);
    private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);
    private static final Duration AT_THE_END = Duration.ofSeconds(30);
    private static final int TRIES_AT_THE_END = 2;

    private final MlflowAddress address;
    private final MlflowServer server;
    private final Consumer<String> warnings;
    private final Duration firstPause;
    private final Duration atTheEnd;
    private final Map<String, MlflowRun> runs = new HashMap<>();
    private final Thread thread;

    /** Runs with news, in the order of their coming, each with whether it has failed. Guarded by this. */
    private final Map<RunRef, Boolean> news = new LinkedHashMap<>();

    /** Runs whose last try failed, each with what of: one may be refused while the others are logged. Guarded by this. */
    private final Map<RunRef, String> failing = new LinkedHashMap<>();

    /** At the end, how often each run was tried in vain. Guarded by this. */
    private final Map<RunRef, Integer> lastTries = new HashMap<>();

    private boolean busy;
    private boolean closing;

    /** @param warnings told in words, once for each reason, that a run can't be logged */
    public MlflowLog(MlflowAddress address, Consumer<String> warnings) {
        this(address, warnings, FIRST_PAUSE, AT_THE_END);
    }

    /** @param atTheEnd how long {@link #close} waits at most */
    MlflowLog(MlflowAddress address, Consumer<String> warnings, Duration firstPause, Duration atTheEnd) {
        this.address = address;
        this.server = new MlflowServer(address);
        this.warnings = warnings;
        this.firstPause = firstPause;
        this.atTheEnd = atTheEnd;
        thread = new Thread(this::work, "mlflow");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void opened(RunRef run) {
        tell(run, false);
    }

    @Override
    public void recorded(RunRef run, IterationMetrics row) {
        tell(run, false);
    }

    @Override
    public void finished(RunRef run) {
        tell(run, false);
    }

    @Override
    public void failed(RunRef run) {
        tell(run, true);
    }

    private synchronized void tell(RunRef run, boolean failed) {
        news.put(run, failed);
        notifyAll();
    }

    private void work() {
        Duration pause = firstPause;
        try {
            while (true) {
                Map.Entry<RunRef, Boolean> next = next();
                Optional<Exception> failure = sent(next.getKey(), next.getValue());
                if (failure.isEmpty()) {
                    pause = firstPause;
                } else {
                    // Behind the others: it may be this one alone.
                    waitFor(pause);
                    pause = pause.compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : pause;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // the end
        }
    }

    private synchronized Map.Entry<RunRef, Boolean> next() throws InterruptedException {
        Optional<RunRef> first = toTry();
        while (first.isEmpty()) {
            wait();
            first = toTry();
        }
        RunRef run = first.get();
        boolean failed = news.getOrDefault(run, false);
        news.remove(run);
        busy = true;
        return Map.entry(run, failed);
    }

    /** The first run with news; at the end, of those that are not given up. */
    private synchronized Optional<RunRef> toTry() {
        return news.keySet().stream()
                .filter(run -> !closing || lastTries.getOrDefault(run, 0) < TRIES_AT_THE_END)
                .findFirst();
    }

    private Optional<Exception> sent(RunRef run, boolean failed) throws InterruptedException {
        Optional<Exception> failure = Optional.empty();
        try {
            runs.computeIfAbsent(run.directory(), directory -> new MlflowRun(run.id(), Path.of(directory)))
                    .sync(server, failed);
        } catch (IOException | RuntimeException e) {
            failure = Optional.of(e);
        }
        ended(run, failed, failure);
        return failure;
    }

    private synchronized void ended(RunRef run, boolean failed, Optional<Exception> failure) {
        busy = false;
        if (failure.isPresent()) {
            news.putIfAbsent(run, failed);
            if (closing) {
                lastTries.merge(run, 1, Integer::sum);
            }
            String reason = words(failure.get());
            // A server that is down fails all runs in the same way.
            if (!failing.containsKey(run) && !failing.containsValue(reason)) {
                warnings.accept("MLflow at " + address + " can't be logged to (" + reason
                        + "). The run goes on; what is missing is sent once it answers.");
                log.warn("MLflow at {} can't be logged to, first by {}", address, run.id(), failure.get());
            }
            failing.put(run, reason);
        } else if (failing.remove(run) != null) {
            log.info("MLflow at {} takes {} again", address, run.id());
        }
        notifyAll();
    }

    private static String words(Exception e) {
        return e.getMessage() == null
                ? e.getClass().getSimpleName()
                : e.getMessage().lines().findFirst().orElse("");
    }

    /** Between tries; ends at once when this is closed, for the last ones. */
    private synchronized void waitFor(Duration pause) throws InterruptedException {
        long end = System.nanoTime() + pause.toNanos();
        for (long left = pause.toMillis(); left > 0 && !closing; left = (end - System.nanoTime()) / 1_000_000) {
            wait(left);
        }
    }

    /**
     * Sends what is left, for half a minute at most, and says what is missing then. A run that could not be logged before is
     * tried once more.
     */
    @Override
    public void close() {
        Optional<String> missing = flushed();
        missing.ifPresent(reason -> warnings.accept(
                "MLflow at " + address + " lacks the last iterations (" + reason + "); the same command sends them."));
        thread.interrupt();
    }

    /** Why not all is sent; empty where it is. */
    private synchronized Optional<String> flushed() {
        closing = true;
        failing.keySet().forEach(run -> lastTries.put(run, TRIES_AT_THE_END - 1));
        notifyAll();
        long end = System.nanoTime() + atTheEnd.toNanos();
        try {
            while (busy || toTry().isPresent()) {
                long left = (end - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    return Optional.of(why());
                }
                wait(left);
            }
            return news.isEmpty() ? Optional.empty() : Optional.of(why());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.of(why());
        }
    }

    private synchronized String why() {
        Set<String> reasons = new LinkedHashSet<>(failing.values());
        return reasons.isEmpty() ? "it does not answer in time" : String.join("; ", reasons);
    }
}
