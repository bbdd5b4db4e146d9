package org.openstrawberry.model.classification;

import ai.djl.ndarray.NDManager;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.MicroBatches;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.ModelTensors;
import org.openstrawberry.model.transformer.Pass;
import org.openstrawberry.model.transformer.TokenBatch;

/**
 * Scores of whole texts by a decoder with a linear head, as Hugging Face's {@code …ForSequenceClassification} computes
 * them: the head reads the hidden state of the last token that is not the padding token. A text that ends with that token
 * is read before it, as in transformers; how a batch is padded changes nothing.
 *
 * <p>It holds no weights: {@link ModelDirectory#openClassifier} opens a directory, whose {@code load} and {@code export}
 * read and write them.
 */
public final class Classifier {
    private final Decoder decoder;
    private final OptionalInt padId;

    /**
     * A classifier of a directory's sizes and padding token.
     *
     * @param directory of a sequence classifier
     */
    public Classifier(ModelDirectory directory) {
        this(new Decoder(directory.config()), directory.classifierPadId());
    }

    /**
     * A classifier.
     *
     * @param decoder of a configuration with labels
     * @param padId the token that is never read; with none, the last token is read whatever it is
     */
    public Classifier(Decoder decoder, OptionalInt padId) {
        if (!decoder.config().classifies()) {
            throw new IllegalArgumentException(
                    "found a " + decoder.config().architecture() + ", expected a sequence classifier");
        }
        this.decoder = decoder;
        this.padId = padId;
    }

    /** The decoder below the head. */
    public Decoder decoder() {
        return decoder;
    }

    /**
     * The one score of each text, without gradients.
     *
     * @param weights of the model
     * @param sequences ids, at least one each
     * @param batchTokens most tokens computed at a time, padding counted; a text larger than that stands alone
     * @return a score for each text, in order
     * @throws IllegalStateException if the model has several labels
     * @throws IllegalArgumentException if a text is empty or holds an id outside the vocabulary
     */
    public double[] scores(Weights weights, List<int[]> sequences, int batchTokens) {
        requireOneLabel();
        return single(logits(weights, sequences, batchTokens));
    }

    /**
     * As the other, of weights that are put in order once for many calls.
     *
     * @param weights of the model, by {@link Decoder#weights}
     * @param sequences ids, at least one each
     * @param batchTokens most tokens computed at a time, padding counted; a text larger than that stands alone
     * @param memory owner of what is computed, which is freed before this returns
     * @return a score for each text, in order
     * @throws IllegalStateException if the model has several labels
     * @throws IllegalArgumentException if a text is empty or holds an id outside the vocabulary
     */
    public double[] scores(ModelTensors weights, List<int[]> sequences, int batchTokens, NDManager memory) {
        requireOneLabel();
        sequences.forEach(this::require);
        return single(logits(weights, sequences, batchTokens, memory));
    }

    private static double[] single(float[][] logits) {
        return Arrays.stream(logits).mapToDouble(labels -> labels[0]).toArray();
    }

    /**
     * All scores of each text, without gradients.
     *
     * @param weights of the model
     * @param sequences ids, at least one each
     * @param batchTokens most tokens computed at a time, padding counted; a text larger than that stands alone
     * @return [texts][labels], in order
     * @throws IllegalArgumentException if a text is empty or holds an id outside the vocabulary
     */
    public float[][] logits(Weights weights, List<int[]> sequences, int batchTokens) {
        sequences.forEach(this::require);
        try (NDManager memory = weights.newSubManager()) {
            return logits(decoder.weights(weights.asMap(), memory), sequences, batchTokens, memory);
        }
    }

    private float[][] logits(ModelTensors weights, List<int[]> sequences, int batchTokens, NDManager memory) {
        float[][] found = new float[sequences.size()][];
        int[] lengths = sequences.stream().mapToInt(ids -> ids.length).toArray();
        int labels = decoder.config().labels();
        for (List<Integer> items : MicroBatches.plan(lengths, 1, batchTokens)) {
            List<int[]> rows = items.stream().map(sequences::get).toList();
            try (NDManager step = memory.newSubManager();
                    Pass pass = decoder.pass(weights, batch(rows, step), Pass.Keep.NOTHING, step)) {
                float[] flat = pass.labels();
                for (int row = 0; row < rows.size(); row++) {
                    found[items.get(row)] = Arrays.copyOfRange(flat, row * labels, (row + 1) * labels);
                }
            }
        }
        return found;
    }

    /**
     * Texts, to be looked at where the head reads.
     *
     * @param texts ids, at least one each
     * @param owner of the batch's arrays
     * @throws IllegalArgumentException if a text is empty or holds an id outside the vocabulary
     */
    TokenBatch batch(List<int[]> texts, NDManager owner) {
        texts.forEach(this::require);
        return TokenBatch.at(
                texts,
                texts.stream().mapToInt(this::scoredPosition).toArray(),
                decoder.config().vocabSize(),
                owner);
    }

    /**
     * Where the head reads.
     *
     * @param ids of a text
     * @return the place of the last token that is not the padding token; 0 where all are
     */
    public int scoredPosition(int[] ids) {
        int place = ids.length - 1;
        while (padId.isPresent() && place > 0 && ids[place] == padId.getAsInt()) {
            place--;
        }
        return place;
    }

    private void requireOneLabel() {
        ModelConfig config = decoder.config();
        if (config.labels() != 1) {
            throw new IllegalStateException(
                    "the model has " + config.labels() + " labels, expected one: a score is a single number");
        }
    }

    private void require(int[] ids) {
        int vocab = decoder.config().vocabSize();
        if (ids.length == 0) {
            throw new IllegalArgumentException("a text has no tokens, expected at least one");
        }
        for (int id : ids) {
            if (id < 0 || id >= vocab) {
                throw new IllegalArgumentException("a text holds token " + id + "; the model has 0 to " + (vocab - 1));
            }
        }
    }
}
