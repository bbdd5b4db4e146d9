package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openstrawberry.model.kernels.Kernels;
import org.openstrawberry.model.pretrained.Parameters;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.ModelTensors;
import org.openstrawberry.model.transformer.Pass;
import org.openstrawberry.model.transformer.TokenBatch;

/**
 * The gradients of one step, added up over its micro-batches, and the weights that they are taken at. They live no longer
 * than the step.
 */
public final class Gradients implements AutoCloseable {
    /** Keeps the division finite, with the value that PyTorch's clipping uses. */
    private static final double CLIP_EPSILON = 1e-6;

    private final Decoder decoder;
    private final Pass.Keep keep;
    private final NDManager memory;
    private final Map<String, NDArray> byName = new LinkedHashMap<>();
    private final ModelTensors weights;
    private final ModelTensors sums;

    /**
     * @param parameters whose trained tensors get gradients; they may not change before {@link #close}
     * @param decoder computes
     */
    public Gradients(Parameters parameters, Decoder decoder) {
        this(parameters, decoder, false);
    }

    /** @param byLayer whether a layer's intermediate arrays are computed once more instead of kept */
    Gradients(Parameters parameters, Decoder decoder, boolean byLayer) {
        this.decoder = decoder;
        keep = byLayer ? Pass.Keep.LAYER_INPUTS : Pass.Keep.EVERYTHING;
        memory = parameters.trained().newSubManager();
        weights = decoder.weights(parameters.model(memory), memory);
        Map<String, NDArray> trained = parameters.trained().asMap();
        trained.forEach((name, array) -> byName.put(name, memory.zeros(array.getShape())));
        sums = parameters
                .lora()
                .map(lora -> decoder.adapterGradients(lora, trained, byName, memory))
                .orElseGet(() -> decoder.gradients(byName, memory));
    }

    /** @return owner of what lives as long as the step */
    public NDManager memory() {
        return memory;
    }

    /**
     * A pass with a way back to {@link #sums}.
     *
     * @param batch the texts
     */
    public Pass pass(TokenBatch batch) {
        return decoder.pass(weights, batch, keep, memory);
    }

    /** A pass without a way back. */
    Pass look(TokenBatch batch) {
        return decoder.pass(weights, batch, Pass.Keep.NOTHING, memory);
    }

    /** Where they are added up. */
    public ModelTensors sums() {
        return sums;
    }

    /** @return by the weights' names; zero for a weight that no batch used */
    public Map<String, NDArray> byName() {
        return byName;
    }

    /**
     * The norm of all gradients together.
     *
     * @param gradients by name
     * @throws NotFiniteException if it is not finite: a step would destroy the weights
     */
    public static double norm(Map<String, NDArray> gradients) {
        NDArray any = gradients.values().iterator().next();
        try (NDManager memory = any.getManager().newSubManager();
                NDArray squares = Kernels.call("sums_of_squares")
                        .with(List.copyOf(gradients.values()))
                        .tensor(memory)) {
            double norm = Math.sqrt(LogProbs.sum(squares.toFloatArray()));
            if (!Double.isFinite(norm)) {
                throw new NotFiniteException("the gradient is not finite: its norm is " + norm
                        + "; a smaller learning rate or a gradient clip may help");
            }
            return norm;
        }
    }

    /**
     * What gradients are multiplied by so that their norm is not above a limit.
     *
     * @param norm of all of them together
     * @param clipNorm the limit; 0 is none
     * @return at most 1
     */
    public static double clip(double norm, double clipNorm) {
        return clipNorm > 0 ? Math.min(1, clipNorm / (norm + CLIP_EPSILON)) : 1;
    }

    @Override
    public void close() {
        memory.close();
    }
}
