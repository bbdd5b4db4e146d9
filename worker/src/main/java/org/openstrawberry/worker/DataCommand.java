package org.openstrawberry.worker;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.worker.demo.LetterCountData;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Makes the data of the shipped run. */
@Command(
        name = "data",
        mixinStandardHelpOptions = true,
        description = "Make the data of the letter-count run: prompts, held-out prompts and warm-up.")
final class DataCommand implements Callable<Integer> {
    @Option(names = "--words", required = true, paramLabel = "FILE", description = "One word a line.")
    private @Nullable Path words;

    @Option(names = "--seed", required = true, paramLabel = "S", description = "Decides split and examples.")
    private long seed;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Where the files go.")
    private @Nullable Path out;

    @Override
    public Integer call() {
        if (words == null || out == null) {
            throw new IllegalStateException("the command line lets no required option pass");
        }
        LetterCountData.write(words, seed, out);
        return 0;
    }
}
