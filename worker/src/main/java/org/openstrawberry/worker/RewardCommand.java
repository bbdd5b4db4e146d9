package org.openstrawberry.worker;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Reward models. */
@Command(
        name = "reward",
        mixinStandardHelpOptions = true,
        description = "Reward models that learn from preferences.",
        subcommands = RewardTrainCommand.class)
final class RewardCommand implements Runnable {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Missing required subcommand");
    }
}
