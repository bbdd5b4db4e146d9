package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.openstrawberry.model.kernels.Kernels;
import org.openstrawberry.model.pretrained.ModelConfig;

/**
 * A pass of texts through a model, and the way back to the gradients of its weights. A way back uses up what was kept for
 * it, so there is one at most.
 */
public final class Pass implements AutoCloseable {
    /** What is kept for the way back. */
    public enum Keep {
        /** Nothing: there is none. */
        NOTHING,
        /**
         * What goes into each layer, which is computed once more (Chen et al. 2016, arXiv 1604.06174): the intermediate
         * arrays of one layer are there at a time, for a third more arithmetic.
         */
        LAYER_INPUTS,
        /** All that it needs. */
        EVERYTHING
    }

    private static final long EVERYTHING_SEEN = 1L << 39;

    private final Decoder decoder;
    private final ModelConfig config;
    private final ModelTensors weights;
    private final TokenBatch batch;
    private final Keep keep;
    private final NDManager memory;
    private final List<List<NDArray>> turns = new ArrayList<>(); // cosines and sines by kind of rotary positions
    private final Map<Long, List<NDArray>> masks = new HashMap<>(); // of prompts and of rows, by window
    private final List<NDArray> inputs = new ArrayList<>(); // of each layer that is to be computed once more
    private final List<List<NDArray>> kept = new ArrayList<>();
    private List<NDArray> distributions = List.of(); // [targets, vocab] in parts, where there is room for them
    private NDArray last; // [tokens, hidden]: what comes out of the last layer

    Pass(Decoder decoder, ModelTensors weights, TokenBatch batch, Keep keep, NDManager parent) {
        this.decoder = decoder;
        this.weights = weights;
        this.batch = batch;
        this.keep = keep;
        config = decoder.config();
        decoder.requirePositions(batch.longest());
        memory = parent.newSubManager();
        for (int i = 0; i < decoder.ropes().size(); i++) {
            turns.add(turns(new Rotary(decoder.ropes().get(i))));
        }
        last = embedded();
        for (int i = 0; i < config.layers(); i++) {
            NDArray input = last;
            List<NDArray> found = layer(i, input, keep == Keep.EVERYTHING);
            last = found.get(0);
            if (keep == Keep.NOTHING) {
                input.close();
            } else {
                inputs.add(input);
                kept.add(found);
            }
        }
    }

    /** The texts. */
    public TokenBatch batch() {
        return batch;
    }

    /** @return float32 [tokens, hidden], before the final norm */
    NDArray hidden() {
        return last;
    }

    /**
     * The log-probability of each target, at temperature 1. Only the places that predict one are projected to the
     * vocabulary, some at a time.
     *
     * @return log π by target
     */
    public float[] logProbs() {
        return logProbs(false).get(0).toFloatArray();
    }

    /**
     * The log-probability of each target, and how concentrated the distribution is that it was predicted from.
     *
     * @return log π by target, and log Σ_v π(v)²: the logarithm of the probability that two draws agree
     */
    public float[][] logProbsAndSquares() {
        List<NDArray> found = logProbs(true);
        return new float[][] {found.get(0).toFloatArray(), found.get(1).toFloatArray()};
    }

    private List<NDArray> logProbs(boolean squares) {
        distributions.forEach(NDArray::close);
        List<NDArray> found = Kernels.call("log_probs")
                .with(last)
                .with(batch.predictedAt())
                .with(batch.targets())
                .with(weights.ends())
                .with(config.norms().epsilon())
                .with(config.logitSoftCap().orElse(0))
                .with(squares)
                .with(keep != Keep.NOTHING)
                .tensors(memory);
        distributions = found.subList(2, found.size());
        return found;
    }

    /**
     * Adds the gradient of a loss over the log-probabilities.
     *
     * @param slopes of the loss, by log-probability
     * @param gradients added to
     */
    public void backward(float[] slopes, ModelTensors gradients) {
        backward(
                Kernels.call("log_probs_backward")
                        .with(Tensors.floats(memory, slopes, new Shape(slopes.length)))
                        .with(last)
                        .with(batch.predictedAt())
                        .with(batch.targets())
                        .with(distributions)
                        .with(weights.ends())
                        .with(gradients.ends())
                        .with(config.norms().epsilon())
                        .with(config.logitSoftCap().orElse(0))
                        .tensor(memory),
                gradients);
    }

    /**
     * The scores of a classifier's labels where each text is looked at.
     *
     * @return text by text, label by label
     */
    public float[] labels() {
        return Kernels.call("classify")
                .with(last)
                .with(batch.predictedAt())
                .with(weights.ends())
                .with(config.norms().epsilon())
                .tensor(memory)
                .toFloatArray();
    }

    /**
     * Adds the gradient of a loss over the scores of labels.
     *
     * @param slopes of the loss, by score
     * @param gradients added to
     */
    public void backwardFromLabels(float[] slopes, ModelTensors gradients) {
        long labels = config.labels();
        backward(
                Kernels.call("classify_backward")
                        .with(Tensors.floats(memory, slopes, new Shape(slopes.length / labels, labels)))
                        .with(last)
                        .with(batch.predictedAt())
                        .with(weights.ends())
                        .with(gradients.ends())
                        .with(config.norms().epsilon())
                        .tensor(memory),
                gradients);
    }

    private void backward(NDArray fromTheEnd, ModelTensors gradients) {
        distributions.forEach(NDArray::close);
        distributions = List.of();
        if (keep == Keep.NOTHING || kept.isEmpty()) {
            throw new IllegalStateException("nothing was kept for the way back, or it was used up");
        }
        NDArray slope = fromTheEnd;
        for (int i = config.layers() - 1; i >= 0; i--) {
            NDArray input = inputs.get(i);
            List<NDArray> found = kept.get(i);
            if (keep == Keep.LAYER_INPUTS) {
                found = layer(i, input, true);
            }
            NDArray above = slope;
            slope = call(Kernels.call("layer_backward").with(above).with(input).with(found), i, gradients);
            above.close();
            found.forEach(NDArray::close);
            kept.get(i).forEach(NDArray::close);
        }
        kept.clear();
        Kernels.call("embed_backward")
                .with(slope)
                .with(batch.ids())
                .with(gradients.embedding())
                .with(config.embeddingScale())
                .with(batch.places())
                .with(gradients.positions())
                .run();
    }

    private NDArray call(Kernels.Call call, int layer, ModelTensors gradients) {
        return call.with(weights.layer(layer))
                .with(gradients.layer(layer))
                .with(gradients.adapters(layer))
                .with(of(layer))
                .with(batch.layout())
                .with(decoder.sizes())
                .with(numbers(gradients.adapterScale()))
                .tensor(memory);
    }

    private NDArray embedded() {
        return Kernels.call("embed")
                .with(batch.ids())
                .with(weights.embedding())
                .with(config.embeddingScale())
                .with(batch.places())
                .with(weights.positions())
                .tensor(memory);
    }

    private List<NDArray> layer(int index, NDArray x, boolean all) {
        return Kernels.call("layer")
                .with(x)
                .with(weights.layer(index))
                .with(of(index))
                .with(batch.layout())
                .with(decoder.sizes())
                .with(numbers(1))
                .with(all)
                .tensors(memory);
    }

    private double[] numbers(double adapterScale) {
        return new double[] {
            config.norms().epsilon(),
            config.attentionScale(),
            config.attentionSoftCap().orElse(0),
            adapterScale
        };
    }

    /** What a layer must know of the batch. */
    private List<NDArray> of(int layer) {
        int rope = decoder.ropeOf(layer);
        List<NDArray> mask = masks.computeIfAbsent(
                config.attention().get(layer).window().isPresent()
                        ? config.attention().get(layer).window().getAsInt()
                        : EVERYTHING_SEEN,
                window -> List.of(
                        mask(batch.promptPlaces(), batch.promptPlaces(), window),
                        mask(batch.rowPlaces(), batch.keyPlaces(), window)));
        NDArray none = memory.create(new Shape(0));
        return List.of(
                batch.slots(),
                batch.rowPrompts(),
                mask.get(0),
                mask.get(1),
                rope < 0 ? none : turns.get(rope).get(0),
                rope < 0 ? none : turns.get(rope).get(1));
    }

    private NDArray mask(NDArray queries, NDArray keys, long window) {
        return Kernels.call("mask").with(queries).with(keys).with(window).tensor(memory);
    }

    private List<NDArray> turns(Rotary rotary) {
        Rotary.Table table = rotary.table(batch.longest());
        Shape shape = new Shape(batch.longest(), rotary.dims() / 2);
        return Kernels.call("turns")
                .with(Tensors.floats(memory, table.cosines(), shape))
                .with(Tensors.floats(memory, table.sines(), shape))
                .with(batch.places())
                .tensors(memory);
    }

    @Override
    public void close() {
        memory.close();
    }
}
