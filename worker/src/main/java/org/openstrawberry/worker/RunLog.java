package org.openstrawberry.worker;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.FileAppender;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.encoder.Encoder;
import java.nio.file.Path;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where the log of this process goes: into the run directory, or, of one that works on many runs, to standard error. */
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
        FileAppender<ILoggingEvent> file = new FileAppender<>();
        file.setFile(runDirectory.resolve(RunLayout.LOG).toString());
        begin(file, json);
    }

    /**
     * Writes from now on what is logged to standard error.
     *
     * @param json whether each line is a JSON object, as above
     */
    static void intoErrors(boolean json) {
        ConsoleAppender<ILoggingEvent> console = new ConsoleAppender<>();
        console.setTarget("System.err");
        begin(console, json);
    }

    /** Refuses the option of a log that a command with {@code --server} does not write. */
    static void refuse(boolean json) {
        if (json) {
            throw new InvalidInputException("--log-json: has no effect with --server, which keeps no log here");
        }
    }

    private static void begin(OutputStreamAppender<ILoggingEvent> appender, boolean json) {
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        Encoder<ILoggingEvent> encoder = json ? new JsonEncoder() : lines();
        encoder.setContext(context);
        encoder.start();
        appender.setContext(context);
        appender.setEncoder(encoder);
        appender.start();
        context.getLogger(Logger.ROOT_LOGGER_NAME).addAppender(appender);
    }

    private static Encoder<ILoggingEvent> lines() {
        PatternLayoutEncoder encoder = new PatternLayoutEncoder();
        encoder.setPattern("%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5level [%thread] %logger{0}: %msg%n");
        return encoder;
    }
}
