package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.openstrawberry.model.pretrained.ModelConfig;

/** How a model's layers know where tokens stand: by turning queries and keys, or by learned vectors. */
final class PlainPositions {
    private final Decoder decoder;
    private final boolean learned;

    PlainPositions(ModelConfig config) {
        decoder = new Decoder(config);
        learned = !config.names().positions().isEmpty();
    }

    /**
     * Where the tokens of a batch stand.
     *
     * @param places int64 [time], for models that learn their positions
     * @param turns for each kind of rotary positions, float32 [time, 2 · dims]
     */
    record Places(Optional<NDArray> places, List<NDArray> turns) {}

    private List<NDArray> tables(int positions, NDManager manager) {
        return decoder.ropes().stream()
                .map(rope -> PlainRotary.turns(rope, positions, manager))
                .toList();
    }

    /**
     * The positions from 0, for all rows alike.
     *
     * @throws IllegalArgumentException if the model has not learned so many
     */
    Places upTo(int time, NDManager manager) {
        decoder.requirePositions(time);
        Optional<NDArray> places = learned
                ? Optional.of(Tensors.longs(manager, LongStream.range(0, time).toArray(), new Shape(time)))
                : Optional.empty();
        return new Places(places, tables(time, manager));
    }

    /** Turns a layer's queries and keys, [batch, time, heads, headDim]. */
    NDArray turn(int layer, NDArray queryAndKey, Places places) {
        int rope = decoder.ropeOf(layer);
        return rope < 0
                ? queryAndKey
                : PlainRotary.turn(queryAndKey, places.turns().get(rope));
    }
}
