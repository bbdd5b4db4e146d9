package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.openstrawberry.model.kernels.Kernels;

/** The scores of all tokens after each token of whole texts. */
public final class Logits {
    private Logits() {}

    /** @return [tokens of all texts, vocab], text by text, without padding */
    public static float[] of(Decoder decoder, Map<String, NDArray> weights, NDManager manager, int[]... texts) {
        try (NDManager memory = manager.newSubManager()) {
            ModelTensors tensors = decoder.weights(weights, memory);
            TokenBatch batch = TokenBatch.at(
                    List.of(texts), new int[texts.length], decoder.config().vocabSize(), memory);
            Pass pass = decoder.pass(tensors, batch, Pass.Keep.NOTHING, memory);
            NDArray normed = Kernels.call("norm")
                    .with(pass.hidden())
                    .with(tensors.ends().get(0))
                    .with(tensors.ends().get(1))
                    .with(decoder.config().norms().epsilon())
                    .tensor(memory);
            return Kernels.call("logits")
                    .with(normed)
                    .with(tensors.ends().get(2))
                    .with(decoder.config().logitSoftCap().orElse(0))
                    .tensor(memory)
                    .toFloatArray();
        }
    }

    /** @return [vocab], after the last token of a text */
    public static float[] last(Decoder decoder, Map<String, NDArray> weights, NDManager manager, int... text) {
        float[] all = of(decoder, weights, manager, text);
        return Arrays.copyOfRange(all, all.length - decoder.config().vocabSize(), all.length);
    }
}
