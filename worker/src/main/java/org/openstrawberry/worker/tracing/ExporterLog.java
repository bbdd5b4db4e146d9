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
        if (!told.getAndSet(true)) {
            System.err.println("Traces are not sent: "
                    + message.lines().findFirst().orElse("") + " The run goes on without them.");
        }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
        LIBRARY.removeHandler(this);
        LIBRARY.setUseParentHandlers(true);
    }
}
