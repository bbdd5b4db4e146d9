package org.openstrawberry.worker.live;

import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.model.pretrained.Tokenizer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Texts of tokens, by the tokenizer of a run's base model, where that can be read from here. */
final class Pieces {
    private static final Logger log = LoggerFactory.getLogger(Pieces.class);

    /** A token's text depends on a few before it: blanks in between, characters of several tokens. */
    private static final int BEFORE = 12;

    private static final int BRANCHES_KEPT = 512;

    private final Optional<Tokenizer> tokenizer;
    private final Map<IntBuffer, List<String>> kept = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<IntBuffer, List<String>> eldest) {
            return size() > BRANCHES_KEPT;
        }
    };

    private Pieces(Optional<Tokenizer> tokenizer) {
        this.tokenizer = tokenizer;
    }

    static Pieces of(Run run) {
        try {
            return new Pieces(Optional.of(run.tokenizer()));
        } catch (RuntimeException e) {
            log.warn("{}: the tokenizer can't be read; tokens are shown by their numbers", run.directory(), e);
            return new Pieces(Optional.empty());
        }
    }

    /** The text of all, special tokens left out. */
    synchronized String text(int[] ids) {
        return tokenizer.map(known -> known.decode(ids)).orElseGet(() -> String.join(" ", numbers(ids)));
    }

    /** The text that each token adds to those before it; empty of special tokens. Of the same branch it is asked for often. */
    synchronized List<String> each(int[] ids) {
        return kept.computeIfAbsent(IntBuffer.wrap(ids.clone()), branch -> cut(ids));
    }

    synchronized void close() {
        tokenizer.ifPresent(Tokenizer::close);
    }

    private List<String> cut(int[] ids) {
        if (tokenizer.isEmpty()) {
            return numbers(ids);
        }
        List<String> pieces = new ArrayList<>(ids.length);
        for (int i = 0; i < ids.length; i++) {
            int from = Math.max(0, i - BEFORE);
            String before = tokenizer.get().decode(Arrays.copyOfRange(ids, from, i));
            String after = tokenizer.get().decode(Arrays.copyOfRange(ids, from, i + 1));
            pieces.add(after.substring(common(before, after)));
        }
        return List.copyOf(pieces);
    }

    private static int common(String one, String other) {
        int length = 0;
        while (length < Math.min(one.length(), other.length()) && one.charAt(length) == other.charAt(length)) {
            length++;
        }
        return length;
    }

    private static List<String> numbers(int[] ids) {
        return Arrays.stream(ids).mapToObj(id -> "‹" + id + "›").toList();
    }
}
