package org.openstrawberry.model.generation;

import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.transformer.TextCache;
import org.openstrawberry.model.transformer.TextCache.Text;
import org.openstrawberry.model.transformer.Writing;
import org.openstrawberry.model.transformer.WritingWeights;

/**
 * Writes on from texts that share their beginnings, in the same way as {@link Generator}: what texts have in common goes
 * through the model once. A thought's random numbers are those of its own key at the place of each token behind the prompt.
 */
public final class Continuations implements AutoCloseable {
    private static final int STEPS = 32;

    private final Set<Integer> eosIds;
    private final NDManager memory;
    private final TextCache cache;

    /**
     * A writer without any text.
     *
     * @param eosIds tokens that end a thought
     * @param weights of the policy
     * @param positions tokens of the longest text that will be written, its beginning included
     * @param cacheBytes memory for what was read and may be needed again
     */
    public Continuations(Set<Integer> eosIds, WritingWeights weights, int positions, long cacheBytes) {
        this.eosIds = Set.copyOf(eosIds);
        memory = weights.newSubManager();
        cache = new TextCache(weights, positions, cacheBytes, memory);
    }

    /**
     * A thought to be written.
     *
     * @param from what it goes on from
     * @param key of its random numbers
     * @param iteration a coordinate of the random numbers
     * @param prompt a coordinate of the random numbers
     * @param place of its first token behind the prompt, a coordinate of the random numbers
     * @param most tokens that it may have, at least 1
     */
    public record Continuation(Text from, long key, long iteration, int prompt, int place, int most) {
        public Continuation {
            if (most < 1) {
                throw new IllegalArgumentException("a thought has at least one token, found room for " + most);
            }
        }

        float uniform(int token) {
            return Philox.uniform(key, iteration, prompt, 0, place + token);
        }
    }

    /**
     * Writes thoughts.
     *
     * @param thoughts in any number
     * @param settings how tokens are chosen; each thought says itself how long it may be
     * @param rows computed at a time
     * @return a completion for each thought, in their order
     */
    public List<Completion> write(List<Continuation> thoughts, SamplingSettings settings, int rows) {
        List<Completion> written = new ArrayList<>(thoughts.size());
        for (int from = 0; from < thoughts.size(); from += rows) {
            written.addAll(batch(thoughts.subList(from, Math.min(thoughts.size(), from + rows)), settings));
        }
        return written;
    }

    /** Tokens that went through the model to be written on from. */
    public long read() {
        return cache.read();
    }

    private List<Completion> batch(List<Continuation> thoughts, SamplingSettings settings) {
        Map<Text, Integer> numbers = new LinkedHashMap<>();
        thoughts.forEach(thought -> numbers.putIfAbsent(thought.from(), numbers.size()));
        int[] textOfRow = thoughts.stream()
                .mapToInt(thought -> numbers.getOrDefault(thought.from(), 0))
                .toArray();
        int longest = thoughts.stream().mapToInt(Continuation::most).max().orElseThrow();
        int[][] ids = new int[thoughts.size()][];
        float[][] logProbs = new float[thoughts.size()][];
        Arrays.setAll(ids, row -> new int[thoughts.get(row).most()]);
        Arrays.setAll(logProbs, row -> new float[thoughts.get(row).most()]);
        int[] lengths = new int[thoughts.size()];
        int[] endings = eosIds.stream().mapToInt(Integer::intValue).sorted().toArray();
        Writing.Choice choice =
                new Writing.Choice(settings.temperature(), settings.topK(), settings.topP(), settings.minP());
        try (Writing writing = cache.writing(List.copyOf(numbers.keySet()), textOfRow, longest)) {
            int at = 0;
            while (writing.rows().length > 0) {
                int place = at;
                int[] alive = writing.rows();
                int steps = Arrays.stream(alive)
                        .map(row -> thoughts.get(row).most() - place)
                        .min()
                        .orElseThrow();
                steps = Math.min(STEPS, steps);
                float[][] uniforms = new float[steps][thoughts.size()];
                for (int row : alive) {
                    for (int step = 0; step < steps; step++) {
                        uniforms[step][row] = thoughts.get(row).uniform(at + step);
                    }
                }
                at += steps;
                Writing.Written found = writing.write(uniforms, choice, endings, new int[0], at == longest);
                for (int step = 0; step < steps; step++) {
                    for (int row : alive) {
                        if (found.tokens()[step][row] >= 0) {
                            ids[row][lengths[row]] = found.tokens()[step][row];
                            logProbs[row][lengths[row]++] = found.logProbs()[step][row];
                        }
                    }
                }
                boolean[] full = new boolean[thoughts.size()];
                for (int row : alive) {
                    full[row] = at == thoughts.get(row).most();
                }
                writing.end(full);
            }
        }
        List<Completion> completions = new ArrayList<>();
        for (int row = 0; row < ids.length; row++) {
            int length = lengths[row];
            completions.add(new Completion(
                    Arrays.copyOf(ids[row], length),
                    Arrays.copyOf(logProbs[row], length),
                    eosIds.contains(ids[row][length - 1])));
        }
        return completions;
    }

    @Override
    public void close() {
        memory.close();
    }
}
