package org.openstrawberry.worker;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.model.pretrained.ModelInitializer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Tools for model directories. */
@Command(
        name = "model",
        mixinStandardHelpOptions = true,
        description = "Tools for model directories.",
        subcommands = {
            ModelCommand.Init.class,
            ModelScoreCommand.class,
            ModelGenerateCommand.class,
            ModelDpoCommand.class,
            ModelInfoCommand.class,
            ModelDiffCommand.class,
            ModelMergeCommand.class
        })
final class ModelCommand {
    /** Draws the weights of a new model. */
    @Command(name = "init", mixinStandardHelpOptions = true, description = "Draw a new model's weights from a seed.")
    static final class Init implements Callable<Integer> {
        @Option(
                names = "--config",
                required = true,
                paramLabel = "DIR",
                description = "Has config.json and tokenizer.json.")
        private @Nullable Path config;

        @Option(names = "--seed", required = true, paramLabel = "S", description = "Decides every weight.")
        private long seed;

        @Option(names = "--out", required = true, paramLabel = "DIR", description = "The new model directory.")
        private @Nullable Path out;

        @Override
        public Integer call() {
            if (config == null || out == null) {
                throw new IllegalStateException("the command line lets no required option pass");
            }
            ModelInitializer.init(config, seed, out);
            return 0;
        }
    }
}
