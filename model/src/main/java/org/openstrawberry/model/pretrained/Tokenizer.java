package org.openstrawberry.model.pretrained;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.Torch;

/**
 * Text to token ids and back, by Hugging Face's own tokenizers library. Never truncates and never pads, whatever the file
 * says. Uses the native library of the tokenizers only and does not start PyTorch.
 */
public final class Tokenizer implements AutoCloseable {
    private static final Map<String, String> NEITHER_TRUNCATE_NOR_PAD =
            Map.of("truncation", "do_not_truncate", "padding", "do_not_pad");

    private final HuggingFaceTokenizer tokenizer;
    private final int vocabSize;

    private Tokenizer(HuggingFaceTokenizer tokenizer, int vocabSize) {
        this.tokenizer = tokenizer;
        this.vocabSize = vocabSize;
    }

    /**
     * Opens a {@code tokenizer.json}.
     *
     * @throws InvalidInputException if there is no such file, or it is broken
     */
    public static Tokenizer open(Path file) {
        return open(file, Vocabulary.read(file));
    }

    static Tokenizer open(Path file, Vocabulary vocabulary) {
        Torch.useBundledNatives();
        try {
            return new Tokenizer(HuggingFaceTokenizer.newInstance(file, NEITHER_TRUNCATE_NOR_PAD), vocabulary.size());
        } catch (IOException e) {
            throw new InvalidInputException(file + ": cannot be read: " + e.getMessage(), e);
        } catch (RuntimeException e) {
            // The native library tells what it could not parse by a plain RuntimeException.
            throw new InvalidInputException(file + ": not a tokenizer: " + e.getMessage(), e);
        }
    }

    /**
     * Ids of a text with the special tokens that the tokenizer itself adds around it (such as a begin token), once.
     *
     * @param text any text, well-formed Unicode
     * @throws InvalidInputException if the text has a character that the tokenizer has no token for
     */
    public int[] encode(String text) {
        return encode(text, true);
    }

    /** Ids of a text alone. Special tokens that are spelled out in the text are recognised. */
    public int[] encodeWithout(String text) {
        return encode(text, false);
    }

    private int[] encode(String text, boolean addSpecialTokens) {
        try {
            return Arrays.stream(tokenizer.encode(text, addSpecialTokens, false).getIds())
                    .mapToInt(Math::toIntExact)
                    .toArray();
        } catch (RuntimeException e) {
            // The native library tells what it has no token for by a plain RuntimeException.
            throw new InvalidInputException(
                    "the tokenizer has no tokens for \"" + text.strip() + "\" (" + e.getMessage() + ")", e);
        }
    }

    /** The text of ids, special tokens left out. */
    public String decode(int[] ids) {
        return tokenizer.decode(Arrays.stream(ids).asLongStream().toArray(), true);
    }

    /** One more than the greatest token id. A model's embedding may have more rows. */
    public int vocabSize() {
        return vocabSize;
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
