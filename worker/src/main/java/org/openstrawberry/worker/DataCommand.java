package org.openstrawberry.worker;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.worker.demo.ArithmeticChainData;
import org.openstrawberry.worker.demo.LetterCountData;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Makes the data of the shipped runs. */
@Command(
        name = "data",
        mixinStandardHelpOptions = true,
        description = "Make the data of a shipped run: prompts, held-out prompts and warm-up.")
final class DataCommand implements Callable<Integer> {
    @Option(names = "--task", paramLabel = "RUN", description = "letter-count (default) or arithmetic-chain.")
    private String task = "letter-count";

    @Option(names = "--words", paramLabel = "FILE", description = "One word a line; for letter-count.")
    private @Nullable Path words;

    @Option(names = "--seed", required = true, paramLabel = "S", description = "Decides split and examples.")
    private long seed;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Where the files go.")
    private @Nullable Path out;

    @Override
    public Integer call() {
        if (out == null) {
            throw new IllegalStateException("the command line lets no required option pass");
        }
        switch (task) {
            case "letter-count" -> {
                if (words == null) {
                    throw new InvalidInputException("--words: missing, expected a file for --task letter-count");
                }
                LetterCountData.write(words, seed, out);
            }
            case "arithmetic-chain" -> {
                if (words != null) {
                    throw new InvalidInputException("--words has no effect with --task arithmetic-chain");
                }
                ArithmeticChainData.write(seed, out);
            }
            default ->
                throw new InvalidInputException(
                        "--task: found " + task + ", expected letter-count or arithmetic-chain");
        }
        return 0;
    }
}
