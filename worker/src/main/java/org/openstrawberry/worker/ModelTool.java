package org.openstrawberry.worker;

import ai.djl.ndarray.NDManager;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.Precision;
import picocli.CommandLine.Option;

/** Options of the commands that run a model over a file. */
final class ModelTool {
    @Option(names = "--model", required = true, paramLabel = "DIR", description = "A model directory.")
    private @Nullable Path model;

    @Option(names = "--input", required = true, paramLabel = "FILE", description = "One JSON object a line.")
    private @Nullable Path input;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "FILE",
            description = "One JSON object for each line of the input, in order.")
    private @Nullable Path output;

    @Option(
            names = "--batch-tokens",
            paramLabel = "N",
            description = "Most tokens computed at a time, padding counted. Default: ${DEFAULT-VALUE}")
    private int batchTokens = 8192;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Threads that share an operation. Default: ${DEFAULT-VALUE}")
    private int threads = 2;

    @Option(names = "--device", paramLabel = "cpu|cuda[:N]", description = "Default: ${DEFAULT-VALUE}")
    private String device = "cpu";

    @Option(
            names = "--dtype",
            paramLabel = "float32|bfloat16",
            description = "What products are computed in. Default: float32")
    private Precision precision = Precision.FLOAT32;

    Path model() {
        return given(model);
    }

    Path output() {
        return given(output);
    }

    int batchTokens() {
        return batchTokens;
    }

    List<JsonlInput.Line> read() {
        if (batchTokens < 1 || threads < 1) {
            throw new InvalidInputException("--batch-tokens and --threads must be at least 1");
        }
        return JsonlInput.read(given(input));
    }

    Decoder decoder(ModelDirectory directory) {
        return new Decoder(directory.config(), precision);
    }

    NDManager start() {
        return Torch.start(threads, device);
    }

    private static Path given(@Nullable Path option) {
        if (option == null) {
            throw new IllegalStateException("the command line lets no required option pass");
        }
        return option;
    }

    /**
     * The token ids of each line, all of them checked before any work.
     *
     * @param newTokens that the model adds
     */
    static List<int[]> ids(
            ModelDirectory directory,
            List<JsonlInput.Line> lines,
            int newTokens,
            Function<JsonlInput.Line, int[]> read) {
        ModelConfig config = directory.config();
        List<int[]> all = new ArrayList<>();
        for (JsonlInput.Line line : lines) {
            int[] ids = line.placed(() -> read.apply(line));
            if (ids.length == 0) {
                throw line.wrong("found a text without tokens, expected at least one");
            }
            for (int id : ids) {
                if (id >= config.vocabSize()) {
                    throw line.wrong(
                            "found a text with token " + id + "; the model has 0 to " + (config.vocabSize() - 1));
                }
            }
            boolean learned = config.attention().get(0).rope().isEmpty();
            if (learned && ids.length + newTokens > config.maxPositionEmbeddings()) {
                throw line.wrong("found " + ids.length + " tokens"
                        + (newTokens > 0 ? " and --max-new-tokens " + newTokens : "") + ", expected at most "
                        + config.maxPositionEmbeddings() + " together, the positions that the model has learned");
            }
            all.add(ids);
        }
        return all;
    }

    /** The rendered chat holds its special tokens itself, so none are added. */
    static int[] chat(ModelDirectory directory, Tokenizer tokenizer, List<Map<String, Object>> messages, boolean ask) {
        String text = directory
                .chatTemplate()
                .orElseThrow(() -> new InvalidInputException(
                        directory.path() + " has no chat template, expected one to read messages"))
                .render(messages, ask);
        return tokenizer.encodeWithout(text);
    }
}
