package org.openstrawberry.model.pretrained;

import ai.djl.ndarray.types.Shape;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Low-rank adapters of a model's linear layers (Hu et al. 2021, arXiv 2106.09685, section 4.1): in the place of W stands
 * W + scale · B · A, with A [rank, in] and B [out, rank]. Tensors have the names that PEFT gives them.
 *
 * @param rank of A and B
 * @param alpha numerator of the scale
 * @param rankStabilised whether the scale is alpha / √rank (Kalajdzievski 2023, arXiv 2312.03732) instead of alpha / rank
 * @param targets ends of the adapted layers' names, such as {@code q_proj}; {@link #ALL_LINEAR} is every one
 * @param head whether a classifier's head stands beside the adapters, whole, in the place of the model's
 */
public record LoraConfig(int rank, double alpha, boolean rankStabilised, List<String> targets, boolean head) {
    /** The target that stands for every linear layer. */
    public static final String ALL_LINEAR = "all-linear";

    private static final String PREFIX = "base_model.model.";

    public LoraConfig {
        targets = List.copyOf(targets);
        if (rank < 1) {
            throw new IllegalArgumentException("rank must be at least 1, found " + rank);
        }
        if (!(alpha > 0)) {
            throw new IllegalArgumentException("alpha must be above 0, found " + alpha);
        }
        if (targets.isEmpty()) {
            throw new IllegalArgumentException("targets must name at least one layer, found none");
        }
    }

    /** Adapters alone. */
    public LoraConfig(int rank, double alpha, boolean rankStabilised, List<String> targets) {
        this(rank, alpha, rankStabilised, targets, false);
    }

    /** The same with a classifier's head beside them. */
    public LoraConfig withHead() {
        return new LoraConfig(rank, alpha, rankStabilised, targets, true);
    }

    /** What B · A is multiplied by. */
    public double scale() {
        return alpha / (rankStabilised ? Math.sqrt(rank) : rank);
    }

    /**
     * The adapted layers, in the order of the model.
     *
     * @param model that is adapted
     * @return names without {@code .weight}
     * @throws IllegalArgumentException if a target is no layer's name
     */
    public List<String> layers(ModelConfig model) {
        Set<String> linear = model.linearLayers().keySet();
        if (targets.equals(List.of(ALL_LINEAR))) {
            return List.copyOf(linear);
        }
        for (String target : targets) {
            if (linear.stream().noneMatch(layer -> isNamed(layer, target))) {
                throw new IllegalArgumentException(
                        "target \"" + target + "\" is no linear layer of this model, expected " + kinds(linear) + " or "
                                + ALL_LINEAR + " alone");
            }
        }
        return linear.stream()
                .filter(layer -> targets.stream().anyMatch(target -> isNamed(layer, target)))
                .toList();
    }

    private static boolean isNamed(String layer, String target) {
        return layer.equals(target) || layer.endsWith("." + target);
    }

    private static String kinds(Set<String> linear) {
        return linear.stream()
                .map(layer -> layer.substring(layer.lastIndexOf('.') + 1))
                .collect(Collectors.toCollection(LinkedHashSet::new))
                .stream()
                .collect(Collectors.joining(", "));
    }

    /**
     * The adapters' tensors, A before B, in the order of the model, and last the head.
     *
     * @param model that is adapted
     * @return shapes by PEFT's names
     * @throws IllegalArgumentException if a target is no layer's name
     */
    public LinkedHashMap<String, Shape> tensorShapes(ModelConfig model) {
        LinkedHashMap<String, Shape> shapes = new LinkedHashMap<>();
        LinkedHashMap<String, Shape> linear = model.linearLayers();
        for (String layer : layers(model)) {
            Shape matrix = linear.getOrDefault(layer, new Shape());
            boolean inByOut = model.names().inByOut();
            shapes.put(down(layer), new Shape(rank, matrix.get(inByOut ? 0 : 1)));
            shapes.put(up(layer), new Shape(matrix.get(inByOut ? 1 : 0), rank));
        }
        if (head) {
            shapes.put(head(model), model.tensorShapes().getOrDefault(model.headName(), new Shape()));
        }
        return shapes;
    }

    /**
     * The name of a layer's A, [rank, in].
     *
     * @param layer name without {@code .weight}
     */
    public static String down(String layer) {
        return PREFIX + layer + ".lora_A.weight";
    }

    /**
     * The name of a layer's B, [out, rank].
     *
     * @param layer name without {@code .weight}
     */
    public static String up(String layer) {
        return PREFIX + layer + ".lora_B.weight";
    }

    /**
     * The name of a classifier's head beside adapters.
     *
     * @param model that is adapted
     */
    public static String head(ModelConfig model) {
        return PREFIX + model.headName();
    }
}
