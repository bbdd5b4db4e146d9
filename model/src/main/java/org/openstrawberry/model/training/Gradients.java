package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.BinaryOperator;
import java.util.function.UnaryOperator;
import org.openstrawberry.model.pretrained.Parameters;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.FusedWeights;
import org.openstrawberry.model.transformer.NoGradient;
import org.openstrawberry.model.transformer.Tensors;

/**
 * The gradients of one step, added up over its micro-batches. They hang on aliases of what is trained that live no longer
 * than the step: the tensors themselves never want gradients, so nothing is to be zeroed, and no gradient outlives its step.
 */
public final class Gradients implements AutoCloseable {
    /** Keeps the division finite, with the value that PyTorch's clipping uses. */
    private static final double CLIP_EPSILON = 1e-6;

    private final Parameters parameters;
    private final boolean byLayer;
    private final NDManager memory;
    private final Map<String, NDArray> aliases = new LinkedHashMap<>();

    /** @param parameters whose trained tensors get gradients; they may not change before {@link #close} */
    public Gradients(Parameters parameters) {
        this(parameters, false);
    }

    /** @param byLayer whether a layer's intermediate arrays are computed once more instead of kept */
    Gradients(Parameters parameters, boolean byLayer) {
        this.parameters = parameters;
        this.byLayer = byLayer;
        memory = parameters.trained().newSubManager();
        parameters.trained().asMap().forEach((name, array) -> {
            NDArray alias = array.stopGradient();
            alias.attach(memory);
            alias.setRequiresGradient(true);
            aliases.put(name, alias);
        });
    }

    /** @return owner of what lives as long as the step */
    public NDManager memory() {
        return memory;
    }

    /**
     * The weights for passes without gradients.
     *
     * @param decoder computes
     * @return owned by {@link #memory}
     */
    FusedWeights withoutGradients(Decoder decoder) {
        return fused(decoder, memory);
    }

    private FusedWeights fused(Decoder decoder, NDManager owner) {
        return decoder.fuse(parameters.model(aliases, owner), owner);
    }

    /**
     * Adds the gradient of a loss over a batch's log-probabilities. The loss itself is left to the caller, who knows it in
     * closed form: it is asked for its slope at the values found.
     *
     * @param decoder computes
     * @param batch its arrays may be freed afterwards
     * @param slopes from the log-probability of each completion token to the derivative of the loss by it
     */
    void add(Decoder decoder, CompletionBatch batch, UnaryOperator<float[]> slopes) {
        propagate(decoder, batch, (fused, hidden, graph) -> {
            NDArray logProbs = batch.logProbs(decoder, fused, hidden); // [tokens]
            return weighted(graph, logProbs, slopes.apply(logProbs.toFloatArray()));
        });
    }

    /**
     * As {@link #add}, for a loss over anything that is computed from the weights.
     *
     * @param decoder prepares the weights
     * @param outputs from the weights and the owner of what is made of them to float32 [outputs]
     * @param slopes from each output to the derivative of the loss by it
     */
    public void add(
            Decoder decoder, BiFunction<FusedWeights, NDManager, NDArray> outputs, UnaryOperator<float[]> slopes) {
        try (NDManager graph = memory.newSubManager();
                GradientCollector collector = memory.getEngine().newGradientCollector()) {
            NDArray found = outputs.apply(fused(decoder, graph), graph);
            collector.backward(weighted(graph, found, slopes.apply(found.toFloatArray())));
        }
    }

    /**
     * As {@link #add}, for a loss that also looks at how concentrated the distributions are.
     *
     * @param slopes from each token's log-probability, and log Σ_v π(v)² at its place, to the slopes
     */
    void addConcentrated(Decoder decoder, CompletionBatch batch, BinaryOperator<float[]> slopes) {
        propagate(decoder, batch, (fused, hidden, graph) -> {
            CompletionBatch.Concentrated found = batch.concentrated(decoder, fused, hidden);
            float[] slope = slopes.apply(
                    found.logProbs().toFloatArray(), found.logSquares().toFloatArray());
            return weighted(graph, found.logProbs(), slope);
        });
    }

    /** From the last hidden states, [rows, time, hidden], to a number whose gradient is that of the loss. */
    private interface Surrogate {
        NDArray of(FusedWeights fused, NDArray hidden, NDManager graph);
    }

    /** The gradient of Σ slope · output is that of the loss. */
    private static NDArray weighted(NDManager graph, NDArray outputs, float[] slope) {
        return outputs.mul(Tensors.floats(graph, slope, new Shape(slope.length)))
                .sum();
    }

    private void propagate(Decoder decoder, CompletionBatch batch, Surrogate loss) {
        try (NDManager graph = memory.newSubManager();
                GradientCollector collector = memory.getEngine().newGradientCollector()) {
            FusedWeights fused = fused(decoder, graph);
            if (byLayer) {
                propagateByLayer(decoder, fused, batch.inputs(), loss, graph, collector);
            } else {
                collector.backward(loss.of(fused, decoder.hidden(fused, batch.inputs()), graph));
            }
        }
    }

    /**
     * Keeps what goes into each layer and computes the layer once more on the way back (Chen et al. 2016, arXiv 1604.06174):
     * the intermediate arrays of one layer are there at a time, for a third more arithmetic.
     */
    private void propagateByLayer(
            Decoder decoder,
            FusedWeights fused,
            NDArray ids,
            Surrogate loss,
            NDManager graph,
            GradientCollector collector) {
        Decoder.LayerPass pass = decoder.byLayer(fused, ids);
        List<NDArray> into = new ArrayList<>(); // a layer's input each, and what comes out of the last
        try (NoGradient noGradient = NoGradient.open()) {
            into.add(pass.embedded());
            for (int i = 0; i < decoder.config().layers(); i++) {
                into.add(pass.layer(i, into.get(i)));
            }
        }
        NDArray x = wanted(into.get(into.size() - 1));
        collector.backward(loss.of(fused, x, graph));
        for (int i = decoder.config().layers() - 1; i >= 0; i--) {
            NDArray slope = x.getGradient();
            x = wanted(into.get(i));
            collector.backward(pass.layer(i, x).mul(slope).sum());
            into.get(i + 1).close();
        }
        if (aliases.containsKey(decoder.config().embeddingName())) { // adapters leave it as it is
            collector.backward(pass.embedded().mul(x.getGradient()).sum());
        }
        into.get(0).close();
    }

    private static NDArray wanted(NDArray array) {
        array.setRequiresGradient(true);
        return array;
    }

    /** @return by the weights' names; zero for a weight that no batch used */
    public Map<String, NDArray> byName() {
        Map<String, NDArray> gradients = new LinkedHashMap<>();
        aliases.forEach((name, alias) -> gradients.put(name, alias.getGradient()));
        return gradients;
    }

    /**
     * Scales gradients down so that their norm, over all of them together, is not above a limit.
     *
     * @param gradients changed in place
     * @param clipNorm the limit; 0 is none
     * @return the norm before
     * @throws ArithmeticException if it is not finite: a step would destroy the weights
     */
    public static double clip(Map<String, NDArray> gradients, double clipNorm) {
        double norm = norm(gradients);
        if (!Double.isFinite(norm)) {
            throw new ArithmeticException("the gradient is not finite: its norm is " + norm
                    + "; a smaller learning rate or a gradient clip may help");
        }
        double scale = clipNorm / (norm + CLIP_EPSILON);
        if (clipNorm > 0 && scale < 1) {
            gradients.values().forEach(gradient -> gradient.muli((float) scale));
        }
        return norm;
    }

    private static double norm(Map<String, NDArray> gradients) {
        try (NDScope temporary = new NDScope()) {
            temporary.suppressNotUsedWarning();
            NDList squares = new NDList();
            gradients.values().forEach(gradient -> squares.add(gradient.square().sum()));
            return Math.sqrt(LogProbs.sum(NDArrays.stack(squares).toFloatArray()));
        }
    }

    @Override
    public void close() {
        memory.close();
    }
}
