package org.openstrawberry.worker;

import java.util.concurrent.Callable;
import org.openstrawberry.config.KeyReference;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Writes the pages of the docs that are made from the program itself. */
@Command(
        name = "docs",
        mixinStandardHelpOptions = true,
        hidden = true,
        description = "Print a page of the docs that is made from the program.",
        subcommands = {DocsCommand.Keys.class, DocsCommand.Commands.class})
final class DocsCommand implements Callable<Integer> {
    private static final String HEAD = """
            # Every command

            <!-- Written by ./strawberry docs commands; do not edit. -->

            What `--help` says of each command. [The README](../README.md#commands) has them by what they are for.
            """;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Override
    public Integer call() {
        spec.commandLine().usage(System.out);
        return 0;
    }

    /** The reference of all keys. */
    @Command(name = "keys", mixinStandardHelpOptions = true, description = "Print docs/reference.md.")
    static final class Keys implements Callable<Integer> {
        @Override
        public Integer call() {
            System.out.print(KeyReference.markdown());
            return 0;
        }
    }

    /** The reference of all commands. */
    @Command(name = "commands", mixinStandardHelpOptions = true, description = "Print docs/commands.md.")
    static final class Commands implements Callable<Integer> {
        @Spec
        @SuppressWarnings("NullAway.Init") // picocli sets it
        private CommandSpec spec;

        @Override
        public Integer call() {
            StringBuilder page = new StringBuilder(HEAD);
            describe(spec.root(), page);
            System.out.print(page);
            return 0;
        }

        /** By name, each before what is under it. */
        private static void describe(CommandSpec command, StringBuilder page) {
            page.append("\n## ")
                    .append(command.qualifiedName())
                    .append("\n\n```text\n")
                    .append(command.commandLine().getUsageMessage(Ansi.OFF).replace("\r\n", "\n"))
                    .append("```\n");
            command.subcommands().values().stream()
                    .map(line -> line.getCommandSpec())
                    .filter(inner -> !inner.usageMessage().hidden())
                    .sorted((a, b) -> a.name().compareTo(b.name()))
                    .forEach(inner -> describe(inner, page));
        }
    }
}
