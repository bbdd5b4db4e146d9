package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.openstrawberry.model.pretrained.LayerAttention;
import org.openstrawberry.model.pretrained.ModelConfig;
import org.openstrawberry.model.pretrained.Rope;

/** How a model's layers know where tokens stand: by turning queries and keys, or by learned vectors. */
final class PlainPositions {
    private final List<Rope> ropes; // those that differ
    private final int[] ropeOfLayer;
    private final boolean learned;
    private final int limit;

    PlainPositions(ModelConfig config) {
        ropes = config.attention().stream()
                .flatMap(layer -> layer.rope().stream())
                .distinct()
                .toList();
        ropeOfLayer = config.attention().stream()
                .map(LayerAttention::rope)
                .mapToInt(rope -> rope.map(ropes::indexOf).orElse(-1))
                .toArray();
        learned = !config.names().positions().isEmpty();
        limit = config.maxPositionEmbeddings();
    }

    /**
     * Where the tokens of a batch stand.
     *
     * @param places int64 [time] or [rows, 1], for models that learn their positions
     * @param turns for each kind of rotary positions, float32 [time, 2 · dims] or [rows, 1, 2 · dims]
     */
    record Places(Optional<NDArray> places, List<NDArray> turns) {}

    /** The turns of the positions from 0, for each kind of rotary positions: float32 [positions, 2 · dims]. */
    List<NDArray> tables(int positions, NDManager manager) {
        return ropes.stream()
                .map(rope -> new PlainRotary(rope).turns(positions, manager))
                .toList();
    }

    /**
     * The positions from 0, for all rows alike.
     *
     * @throws IllegalArgumentException if the model has not learned so many
     */
    Places upTo(int time, NDManager manager) {
        require(time);
        Optional<NDArray> places = learned
                ? Optional.of(Tensors.longs(manager, LongStream.range(0, time).toArray(), new Shape(time)))
                : Optional.empty();
        return new Places(places, tables(time, manager));
    }

    /**
     * One position for each row.
     *
     * @param tables of at least so many positions
     * @throws IllegalArgumentException if the model has not learned so many
     */
    Places at(long[] positions, List<NDArray> tables, NDManager manager) {
        require(Math.toIntExact(LongStream.of(positions).max().orElseThrow() + 1));
        NDArray places = Tensors.longs(manager, positions, new Shape(positions.length, 1));
        return new Places(
                learned ? Optional.of(places) : Optional.empty(),
                tables.stream().map(table -> PlainTensors.rows(places, table)).toList());
    }

    /** Turns a layer's queries and keys, [batch, time, heads, headDim]. */
    NDArray turn(int layer, NDArray queryAndKey, Places places) {
        int rope = ropeOfLayer[layer];
        return rope < 0
                ? queryAndKey
                : PlainRotary.turn(queryAndKey, places.turns().get(rope));
    }

    private void require(int positions) {
        if (learned && positions > limit) {
            throw new IllegalArgumentException(
                    "the model has learned " + limit + " positions, found a text of " + positions + " tokens");
        }
    }
}
