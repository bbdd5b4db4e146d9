package org.openstrawberry.worker;

import java.io.UncheckedIOException;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.openstrawberry.activities.store.DamagedArtifactException;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.workflows.client.RunFailedException;
import org.slf4j.LoggerFactory;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The command line. Exit codes: 0 done, 1 the run failed, 2 bad input, 130 interrupted after a clean checkpoint. */
@Command(
        name = "strawberry",
        description = "Online preference training for language models, as durable workflows.",
        mixinStandardHelpOptions = true,
        version = "Open Strawberry 0.1.0",
        subcommands = {
            TrainCommand.class,
            AskCommand.class,
            InspectCommand.class,
            ReportCommand.class,
            ExportCommand.class,
            DirectoryCommands.Verify.class,
            DirectoryCommands.Space.class,
            DirectoryCommands.Free.class,
            ServerCommand.class,
            WorkerCommand.class,
            StartCommand.class,
            SweepCommand.class,
            SteeringCommands.Watch.class,
            SteeringCommands.Runs.class,
            SteeringCommands.Show.class,
            SteeringCommands.Pause.class,
            SteeringCommands.Resume.class,
            SteeringCommands.Stop.class,
            SteeringCommands.Adjust.class,
            SteeringCommands.Result.class,
            ForkCommand.class,
            ScheduleCommand.class,
            ModelCommand.class,
            RewardCommand.class,
            DataCommand.class,
            InitCommand.class,
            ValidateCommand.class,
            PlanCommand.class,
            SchemaCommand.class,
            DocsCommand.class,
            AutoComplete.GenerateCompletion.class
        })
public final class Main {
    static final int FAILED = 1;
    static final int BAD_INPUT = 2;
    static final int INTERRUPTED = 130;

    /** Held, since a logger that nobody holds may forget its level. */
    private static final Logger GRPC = Logger.getLogger("io.grpc");

    private Main() {}

    /** Runs a command and ends the process with its exit code. */
    public static void main(String[] arguments) {
        System.exit(run(arguments));
    }

    static int run(String... arguments) {
        // It would print a stack trace of a host that isn't there, which we say in one line.
        GRPC.setLevel(Level.SEVERE);
        CommandLine line = commandLine();
        line.setExecutionExceptionHandler((e, command, parsed) -> failed(e, command));
        if (arguments.length == 0) {
            line.usage(System.out);
            return 0;
        }
        return line.execute(arguments);
    }

    static CommandLine commandLine() {
        return new CommandLine(new Main()).setCaseInsensitiveEnumValuesAllowed(true);
    }

    private static int failed(Exception e, CommandLine command) {
        LoggerFactory.getLogger(Main.class).debug("the command failed", e);
        if (e instanceof InvalidInputException) {
            command.getErr().println(TerminalText.wrapped(String.valueOf(e.getMessage())));
            return BAD_INPUT;
        }
        if (e instanceof RunFailedException) {
            command.getErr().println(TerminalText.wrapped("run failed: " + e.getMessage()));
            return FAILED;
        }
        if (e instanceof DamagedArtifactException) {
            command.getErr().println(e.getMessage());
            return FAILED;
        }
        if (e instanceof UncheckedIOException && e.getCause() != null) {
            command.getErr().println(e.getCause().getMessage());
            return FAILED;
        }
        e.printStackTrace(command.getErr());
        return FAILED;
    }
}
