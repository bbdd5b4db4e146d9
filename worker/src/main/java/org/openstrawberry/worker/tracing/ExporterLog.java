package org.openstrawberry.worker.tracing;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.slf4j.LoggerFactory;

/**
 * What OpenTelemetry's library says, in our log. By itself it would write to the terminal at each failure; there the first is
 * enough.
 */
final class ExporterLog extends Handler {
    private static final org.slf4j.Logger log = LoggerFactory.getLogger(Tracing.class);

    /** Held, since a logger that nobody holds may forget its handlers. */
    private static final Logger LIBRARY = Logger.getLogger("io.opentelemetry");

    private final SimpleFormatter words = new SimpleFormatter();
    private final AtomicBoolean told = new AtomicBoolean();

    private ExporterLog() {}

    static ExporterLog begin() {
        ExporterLog handler = new ExporterLog();
        LIBRARY.setUseParentHandlers(false);
        LIBRARY.addHandler(handler);
        return handler;
    }

    @Override
    public void publish(LogRecord event) {
        if (event.getLevel().intValue() < Level.WARNING.intValue()) {
            return;
        }
        String message = words.formatMessage(event);
        log.warn("OpenTelemetry: {}", message, event.getThrown());
        tell(message.lines().findFirst().orElse(""));
    }

    /** Says on the console, once, that traces are lost. */
    void tell(String why) {
        if (!told.getAndSet(true)) {
            System.err.println("Traces are not sent: " + why + " No run is the worse for it.");
        }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
        // What comes later still, from a request that was given up, is for nobody.
        LIBRARY.removeHandler(this);
    }
}
