package org.openstrawberry.model.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the model has read of texts that share their beginnings: keys and values of each piece, computed once as long as there
 * is room for them. The pieces that were needed least lately give way, none before those that go on from it; a piece that is
 * needed again is read again, to the same bits, so that room never changes a result.
 */
public final class TextCache implements AutoCloseable {
    private final WritingWeights weights;
    private final long room;
    private final NDManager memory;
    private final List<NDArray> spins;
    private final long[] plan;
    /** From the least lately needed on. */
    private final Map<Text, ReadPiece> pieces = new LinkedHashMap<>(16, 0.75f, true);

    private long used;
    private long read;

    /** A text: what goes on from another one, or begins. Two are the same only if they are one object. */
    public static final class Text {
        private final Optional<Text> before;
        private final int[] ids;

        private Text(Optional<Text> before, int[] ids) {
            if (ids.length == 0) {
                throw new IllegalArgumentException("a text has at least one token");
            }
            this.before = before;
            this.ids = ids.clone();
        }

        /** A text that begins. */
        public static Text of(int[] ids) {
            return new Text(Optional.empty(), ids);
        }

        /** A longer text. */
        public Text then(int[] more) {
            return new Text(Optional.of(this), more);
        }

        /** All tokens. */
        public int length() {
            return ids.length + before.map(Text::length).orElse(0);
        }
    }

    /**
     * An empty cache.
     *
     * @param weights of the model; the cache is of no use once they change
     * @param positions tokens of the longest text that will be read
     * @param room bytes that may be kept from one use to the next; a use takes what it needs
     * @param parent manager under which the memory stands
     */
    public TextCache(WritingWeights weights, int positions, long room, NDManager parent) {
        this.weights = weights;
        this.room = room;
        memory = parent.newSubManager();
        spins = Writing.spins(weights.decoder(), positions, memory);
        plan = Writing.plan(weights.decoder(), positions);
    }

    /**
     * Rows that go on from texts.
     *
     * @param texts at least one
     * @param textOfRow for each row, the number of its text
     * @param newTokens most that will be written
     * @return to be closed by the caller
     */
    public Writing writing(List<Text> texts, int[] textOfRow, int newTokens) {
        Set<Text> needed = new HashSet<>();
        List<List<ReadPiece>> found = texts.stream()
                .map(text -> {
                    evict(needed);
                    return pieces(text, needed);
                })
                .toList();
        Writing writing = Writing.on(weights, found, textOfRow, newTokens, memory);
        evict(Set.of());
        return writing;
    }

    private List<ReadPiece> pieces(Text text, Set<Text> needed) {
        List<ReadPiece> found =
                text.before.map(before -> pieces(before, needed)).orElseGet(ArrayList::new);
        ReadPiece piece = pieces.get(text);
        if (piece == null) {
            weights.decoder().requirePositions(text.length());
            piece = ReadPiece.read(weights, text.ids, found, spins, plan, memory);
            pieces.put(text, piece);
            used += piece.bytes();
            read += text.ids.length;
        }
        needed.add(text);
        found.add(piece);
        text.before.ifPresent(this::touch);
        return found;
    }

    /** Makes a text and what is before it the last to give way. */
    private void touch(Text text) {
        pieces.get(text);
        text.before.ifPresent(this::touch);
    }

    /** Makes room. What goes on from a text was needed whenever the text was, and before it in the order of giving way. */
    private void evict(Set<Text> needed) {
        Iterator<Map.Entry<Text, ReadPiece>> oldest = inOrder().iterator();
        while (used > room && oldest.hasNext()) {
            Map.Entry<Text, ReadPiece> entry = oldest.next();
            if (!needed.contains(entry.getKey())) {
                used -= entry.getValue().bytes();
                pieces.remove(entry.getKey());
                entry.getValue().close();
            }
        }
    }

    private List<Map.Entry<Text, ReadPiece>> inOrder() {
        return used > room ? new ArrayList<>(pieces.entrySet()) : Collections.emptyList();
    }

    /** Tokens that were read since the beginning; a token that was read again counts again. */
    public long read() {
        return read;
    }

    /** Bytes that are kept. */
    public long used() {
        return used;
    }

    @Override
    public void close() {
        memory.close();
    }
}
