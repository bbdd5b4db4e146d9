package org.openstrawberry.worker;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.openstrawberry.model.classification.Classifier;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.LogProbs;
import org.openstrawberry.model.training.Sequence;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Log-probabilities of given texts, or a classifier's scores. */
@Command(
        name = "score",
        mixinStandardHelpOptions = true,
        description = {
            "Give the log-probability of each token of given texts; with a sequence classifier, a score for each text.",
            "Input, a line: {\"ids\": […]} or {\"prompt\": \"…\", \"completion\": \"…\"} or {\"messages\": […]}.",
            "Output, a line: {\"ids\": […], \"logprobs\": […]}, one for each token but the first; of a classifier"
                    + " {\"ids\": […], \"score\": …}."
        })
final class ModelScoreCommand implements Callable<Integer> {
    @Mixin
    private ModelTool tool = new ModelTool();

    @Override
    public Integer call() {
        ModelDirectory directory = ModelDirectory.openEither(tool.model());
        List<JsonlInput.Line> lines = tool.read();
        List<int[]> sequences;
        try (Tokenizer tokenizer = directory.tokenizer()) {
            sequences = ModelTool.ids(directory, lines, 0, line -> ids(directory, tokenizer, line));
        }
        try (NDManager memory = tool.start()) {
            Weights weights = directory.load(memory);
            JsonlOutput.write(
                    tool.output(),
                    directory.config().classifies()
                            ? scores(directory, weights, sequences)
                            : logProbs(directory, weights, sequences));
        }
        return 0;
    }

    private static int[] ids(ModelDirectory directory, Tokenizer tokenizer, JsonlInput.Line line) {
        return switch (line.oneOf(List.of("ids", "prompt", "messages"))) {
            case "ids" -> line.ids("ids", directory.config().vocabSize());
            case "messages" -> ModelTool.chat(directory, tokenizer, line.messages("messages"), false);
            default ->
                IntStream.concat(
                                Arrays.stream(tokenizer.encode(line.text("prompt"))),
                                Arrays.stream(tokenizer.encodeWithout(line.text("completion"))))
                        .toArray();
        };
    }

    private List<ObjectNode> logProbs(ModelDirectory directory, Weights weights, List<int[]> sequences) {
        // A text of one token predicts nothing.
        List<Sequence> predicting = sequences.stream()
                .filter(ids -> ids.length > 1)
                .map(ids -> new Sequence(new int[] {ids[0]}, Arrays.copyOfRange(ids, 1, ids.length)))
                .toList();
        float[][] found = new LogProbs(tool.decoder(directory)).perToken(weights, predicting, tool.batchTokens());
        List<ObjectNode> lines = new ArrayList<>();
        int next = 0;
        for (int[] ids : sequences) {
            ObjectNode line = JsonlOutput.line();
            put(line.putArray("ids"), ids);
            ArrayNode logProbs = line.putArray("logprobs");
            if (ids.length > 1) {
                for (float logProb : found[next++]) {
                    logProbs.add(logProb);
                }
            }
            lines.add(line);
        }
        return lines;
    }

    private List<ObjectNode> scores(ModelDirectory directory, Weights weights, List<int[]> sequences) {
        float[][] found = new Classifier(directory).logits(weights, sequences, tool.batchTokens());
        List<ObjectNode> lines = new ArrayList<>();
        for (int i = 0; i < found.length; i++) {
            ObjectNode line = JsonlOutput.line();
            put(line.putArray("ids"), sequences.get(i));
            if (found[i].length == 1) {
                line.put("score", found[i][0]);
            } else {
                ArrayNode scores = line.putArray("scores");
                for (float score : found[i]) {
                    scores.add(score);
                }
            }
            lines.add(line);
        }
        return lines;
    }

    static void put(ArrayNode list, int[] ids) {
        for (int id : ids) {
            list.add(id);
        }
    }
}
