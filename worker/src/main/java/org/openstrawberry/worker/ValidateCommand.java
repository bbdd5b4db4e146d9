package org.openstrawberry.worker;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.rewards.RewardCheck;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Checks a run file and all that it names, as {@code train} does before any work. */
@Command(
        name = "validate",
        mixinStandardHelpOptions = true,
        description = "Check a run file, its data, its model and its reward, without starting anything.")
final class ValidateCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "RUN.yaml", description = "The run file.")
    private @Nullable Path runFile;

    @Option(names = "--set", paramLabel = "path=value", description = "Overrides one setting; may be repeated.")
    private List<String> sets = List.of();

    @Option(
            names = "--no-reward",
            description =
                    "Don't look whether the reward's program, service, class or model is there, as on a machine that"
                            + " computes no rewards.")
    private boolean noReward;

    @Option(
            names = "--settings",
            description = "Print every setting, defaults too, as a run file for the working directory.")
    private boolean settings;

    @Override
    public Integer call() {
        if (runFile == null) {
            throw new IllegalStateException("the command line lets no required parameter pass");
        }
        RunSpec spec = RunFile.read(runFile, sets);
        Run run = RunSetup.check(spec);
        if (!noReward) {
            RewardCheck check = new RewardCheck(true);
            check.check("reward", spec.reward());
            spec.evaluation().reward().ifPresent(judge -> check.check("evaluation.reward", judge));
        }
        System.out.println(
                settings
                        ? RunFile.toYaml(spec, Path.of("").toAbsolutePath()).stripTrailing()
                        : runFile + ": valid: run " + spec.name() + ", "
                                + run.base().config().parameters() + " parameters, "
                                + run.prompts().size() + " prompts, "
                                + run.heldOut().size() + " held out");
        run.chatWarning().map(TerminalText::wrapped).ifPresent(System.err::println);
        return 0;
    }
}
