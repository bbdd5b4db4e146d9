package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.openstrawberry.model.kernels.Kernels;

/**
 * A piece of a text that the model has read: the keys and values of its tokens [layers, tokens, kv heads, head dim], and the
 * scores of the token behind it [1, vocab]. A text is a list of pieces; texts with the same beginning share them.
 *
 * <p>A piece is always read alone, so that it is the same to the last bit whenever it is read, whatever else is computed and
 * whether it was read before.
 */
final class ReadPiece implements AutoCloseable {
    private final int tokens;
    private final NDArray logits;
    private final NDArray keys;
    private final NDArray values;

    private ReadPiece(int tokens, List<NDArray> found) {
        this.tokens = tokens;
        logits = found.get(0);
        keys = found.get(1);
        values = found.get(2);
    }

    /**
     * Reads on.
     *
     * @param ids at least one token
     * @param before the text that they go on from
     * @param spins turns of each kind of rotary positions
     * @param plan of the layers, as {@link Writing} has it
     * @param owner of the piece's memory
     */
    static ReadPiece read(
            WritingWeights weights,
            int[] ids,
            List<ReadPiece> before,
            List<NDArray> spins,
            long[] plan,
            NDManager owner) {
        try (NDArray tokens =
                Tensors.longs(owner, Arrays.stream(ids).asLongStream().toArray(), new Shape(ids.length))) {
            Kernels.Call call = Kernels.call("read_on").with(tokens).with(caches(before.stream()));
            return new ReadPiece(
                    ids.length, Writing.model(call, weights, spins, plan).tensors(owner));
        }
    }

    int tokens() {
        return tokens;
    }

    /** Size in memory. */
    long bytes() {
        return Stream.of(logits, keys, values)
                .mapToLong(tensor -> tensor.size() * tensor.getDataType().getNumOfBytes())
                .sum();
    }

    /** The scores of the token behind each row's text, [rows, vocab]. */
    static NDArray logits(List<List<ReadPiece>> texts, int[] textOfRow, NDManager owner) {
        List<NDArray> last = new ArrayList<>();
        for (int text : textOfRow) {
            List<ReadPiece> pieces = texts.get(text);
            last.add(pieces.get(pieces.size() - 1).logits);
        }
        return Kernels.call("joined").with(last).tensor(owner);
    }

    /** The caches of rows, with room for more tokens, or, to be shared, of texts. */
    static List<NDArray> seat(
            List<List<ReadPiece>> texts, int[] textOfRow, int slots, boolean shared, NDManager owner) {
        return Kernels.call("seat")
                .with(caches(texts.stream().flatMap(List::stream)))
                .with(texts.stream().mapToLong(List::size).toArray())
                .with(Arrays.stream(textOfRow).asLongStream().toArray())
                .with(slots)
                .with(shared)
                .tensors(owner);
    }

    private static List<NDArray> caches(Stream<ReadPiece> pieces) {
        return pieces.flatMap(piece -> Stream.of(piece.keys, piece.values)).toList();
    }

    @Override
    public void close() {
        logits.close();
        keys.close();
        values.close();
    }
}
