package org.openstrawberry.worker;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.FileAppender;
import ch.qos.logback.core.encoder.Encoder;
import java.nio.file.Path;
import org.openstrawberry.activities.store.RunLayout;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sends the log of this process into the run directory. */
public final class RunLog {
    private RunLog() {}

    /** Appends from now on what is logged to the directory's log file, in lines for people. */
    public static void into(Path runDirectory) {
        into(runDirectory, false);
    }

    /**
     * Appends from now on what is logged to the directory's log file.
     *
     * @param json whether each line is a JSON object, with run, phase and iteration in {@code mdc}
     */
    public static void into(Path runDirectory, boolean json) {
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        Encoder<ILoggingEvent> encoder = json ? new JsonEncoder() : lines();
        encoder.setContext(context);
        encoder.start();
        FileAppender<ILoggingEvent> file = new FileAppender<>();
        file.setContext(context);
        file.setEncoder(encoder);
        file.setFile(runDirectory.resolve(RunLayout.LOG).toString());
        file.start();
        context.getLogger(Logger.ROOT_LOGGER_NAME).addAppender(file);
    }

    private static Encoder<ILoggingEvent> lines() {
        PatternLayoutEncoder encoder = new PatternLayoutEncoder();
        encoder.setPattern("%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5level [%thread] %logger{0}: %msg%n");
        return encoder;
    }
}
