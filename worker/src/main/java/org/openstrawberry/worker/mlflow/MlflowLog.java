package org.openstrawberry.worker.mlflow;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
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

    private final MlflowAddress address;
    private final MlflowServer server;
    private final Consumer<String> warnings;
    private final Duration firstPause;
    private final Map<String, MlflowRun> runs = new HashMap<>();
    private final Thread thread;

    /** Runs with news, in the order of their coming, each with whether it has failed. Guarded by this. */
    private final Map<RunRef, Boolean> news = new LinkedHashMap<>();

    private boolean busy;
    private boolean closing;
    private boolean down;
    private String reason = "";

    /** @param warnings told in words, once, that the server can't be reached */
    public MlflowLog(MlflowAddress address, Consumer<String> warnings) {
        this(address, warnings, FIRST_PAUSE);
    }

    MlflowLog(MlflowAddress address, Consumer<String> warnings, Duration firstPause) {
        this.address = address;
        this.server = new MlflowServer(address);
        this.warnings = warnings;
        this.firstPause = firstPause;
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
        while (news.isEmpty()) {
            wait();
        }
        RunRef run = news.keySet().iterator().next();
        boolean failed = news.getOrDefault(run, false);
        news.remove(run);
        busy = true;
        return Map.entry(run, failed);
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
            reason = words(failure.get());
            if (!down) {
                warnings.accept("MLflow at " + address + " can't be logged to (" + reason
                        + "). The run goes on; what is missing is sent once it answers.");
                log.warn("MLflow at {} can't be logged to", address, failure.get());
            }
        } else if (down) {
            log.info("MLflow at {} answers again", address);
        }
        down = failure.isPresent();
        notifyAll();
    }

    private static String words(Exception e) {
        return e.getMessage() == null
                ? e.getClass().getSimpleName()
                : e.getMessage().lines().findFirst().orElse("");
    }

    /** Between tries; ends at once when this is closed, for a last one. */
    private synchronized void waitFor(Duration pause) throws InterruptedException {
        long end = System.nanoTime() + pause.toNanos();
        for (long left = pause.toMillis(); left > 0 && !closing; left = (end - System.nanoTime()) / 1_000_000) {
            wait(left);
        }
        if (closing) {
            wait(firstPause.toMillis());
        }
    }

    /** Sends what is left, for half a minute at most, and says what is missing then. A server that is down is tried once more. */
    @Override
    public void close() {
        if (!flushed()) {
            warnings.accept("MLflow at " + address + " lacks the last iterations (" + reason
                    + "); the same command sends them.");
        }
        thread.interrupt();
    }

    private synchronized boolean flushed() {
        closing = true;
        notifyAll();
        long end = System.nanoTime() + AT_THE_END.toNanos();
        int tries = down ? 1 : 0;
        try {
            while (!news.isEmpty() || busy) {
                long left = (end - System.nanoTime()) / 1_000_000;
                // One that is down is not waited for.
                if (left <= 0 || (down && !busy && tries++ > 1)) {
                    return false;
                }
                wait(left);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
