package org.openstrawberry.model.generation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.FusedWeights;
import org.openstrawberry.model.transformer.KvCache;
import org.openstrawberry.model.transformer.NoGradient;
import org.openstrawberry.model.transformer.Tensors;

/**
 * Writes completions. Each prompt goes through the model once, its branches start from the same cached keys and values;
 * sequences that have ended leave the batch.
 *
 * <p>What comes out is a function of the arguments alone: a token's random number is a function of seed, iteration, prompt,
 * branch and position, and the composition of the batch at each token, on which rounding depends, is a function of the
 * wave and of the tokens so far.
 */
public final class Generator {
    /** Ended rows are dropped when no more than this share of the rows is still being written. */
    private static final double COMPACT_AT = 0.75;

    private final Decoder decoder;
    private final Set<Integer> eosIds;
    private final int padId;

    /**
     * A generator for a model.
     *
     * @param decoder computes
     * @param eosIds tokens that end a completion; with none, each runs to the longest allowed length
     * @param padId any valid token, to fill rows up; it changes nothing
     */
    public Generator(Decoder decoder, Set<Integer> eosIds, int padId) {
        int vocab = decoder.config().vocabSize();
        if (padId < 0 || padId >= vocab) {
            throw new IllegalArgumentException("padId must be a token from 0 to " + (vocab - 1) + ", found " + padId);
        }
        this.decoder = decoder;
        this.eosIds = Set.copyOf(eosIds);
        this.padId = padId;
    }

    /**
     * Completes prompts, all as one batch.
     *
     * @param weights of the policy
     * @param wave the prompts; the sum of their branches is the number of sequences computed at a time
     * @param settings how tokens are chosen
     * @param seed key of the random numbers
     * @param iteration a coordinate of the random numbers
     * @return for each request, in order, its completions in the order of their branches
     * @throws IllegalArgumentException if a prompt holds an id outside the vocabulary
     */
    public List<List<Completion>> generate(
            Weights weights, List<GenerationRequest> wave, SamplingSettings settings, long seed, long iteration) {
        if (wave.isEmpty()) {
            return List.of();
        }
        wave.forEach(this::requireKnownTokens);
        List<Branch> branches = new ArrayList<>();
        for (int request = 0; request < wave.size(); request++) {
            for (int branch = 0; branch < wave.get(request).branches(); branch++) {
                branches.add(new Branch(request, wave.get(request).prompt(), branch, settings.maxNewTokens()));
            }
        }
        try (NoGradient noGradient = NoGradient.open();
                NDManager memory = weights.newSubManager()) {
            write(decoder.fuse(weights.asMap(), memory), wave, branches, new Draw(settings, seed, iteration), memory);
        }
        List<List<Completion>> completions = new ArrayList<>();
        wave.forEach(request -> completions.add(new ArrayList<>()));
        branches.forEach(branch -> completions.get(branch.request).add(branch.completion()));
        return completions;
    }

    /** The rules and the random numbers of one call. */
    private record Draw(SamplingSettings settings, long seed, long iteration) {}

    private void write(
            FusedWeights weights, List<GenerationRequest> wave, List<Branch> branches, Draw draw, NDManager memory) {
        int[] promptLengths =
                wave.stream().mapToInt(request -> request.promptIds().length).toArray();
        List<Branch> rows = branches;
        KvCache cache;
        int[] tokens;
        try (NDManager step = memory.newSubManager();
                KvCache prompts = decoder.newCache(promptLengths, step)) {
            NDArray hidden = decoder.prefill(weights, paddedPrompts(wave, step), prompts); // [prompts, time, hidden]
            int[] requestOfRow = rows.stream().mapToInt(row -> row.request).toArray();
            NDArray last = Tensors.rows(lastTokens(promptLengths, requestOfRow, step), flat(hidden)); // [rows, hidden]
            tokens = choose(decoder.logits(weights, last), rows, draw);
            cache = prompts.select(requestOfRow, draw.settings().maxNewTokens(), memory);
        }
        while (true) {
            for (int row = 0; row < rows.size(); row++) {
                rows.get(row).append(tokens[row], eosIds);
            }
            List<Branch> current = rows;
            int[] writing = IntStream.range(0, rows.size())
                    .filter(row -> !current.get(row).done())
                    .toArray();
            if (writing.length == 0) {
                cache.close();
                return;
            }
            if (writing.length <= COMPACT_AT * rows.size()) {
                KvCache all = cache;
                cache = all.select(writing, draw.settings().maxNewTokens(), memory);
                all.close();
                rows = Arrays.stream(writing).mapToObj(current::get).toList();
            }
            try (NDManager step = memory.newSubManager()) {
                long[] ids = rows.stream().mapToLong(Branch::lastToken).toArray();
                NDArray hidden = decoder.next(weights, Tensors.longs(step, ids, new Shape(ids.length, 1)), cache);
                tokens = choose(decoder.logits(weights, flat(hidden)), rows, draw);
            }
        }
    }

    /** The one place where a step waits for the device. */
    private static int[] choose(NDArray logits, List<Branch> rows, Draw draw) {
        Sampler sampler = new Sampler(draw.settings());
        NDArray chosen = sampler.random() ? sampler.sample(logits, uniforms(rows, draw)) : Sampler.greedy(logits);
        return Arrays.stream(chosen.toLongArray()).mapToInt(Math::toIntExact).toArray();
    }

    private static float[] uniforms(List<Branch> rows, Draw draw) {
        float[] uniforms = new float[rows.size()];
        for (int row = 0; row < uniforms.length; row++) {
            Branch at = rows.get(row);
            uniforms[row] = Philox.uniform(draw.seed(), draw.iteration(), at.prompt, at.branch, at.length);
        }
        return uniforms;
    }

    private NDArray paddedPrompts(List<GenerationRequest> wave, NDManager manager) {
        int time = wave.stream()
                .mapToInt(request -> request.promptIds().length)
                .max()
                .orElseThrow();
        long[] ids = new long[wave.size() * time];
        Arrays.fill(ids, padId);
        for (int row = 0; row < wave.size(); row++) {
            int[] prompt = wave.get(row).promptIds();
            for (int t = 0; t < prompt.length; t++) {
                ids[row * time + t] = prompt[t];
            }
        }
        return Tensors.longs(manager, ids, new Shape(wave.size(), time));
    }

    /** For each row, where its prompt's last token stands among all tokens of the padded prompts. */
    private static NDArray lastTokens(int[] promptLengths, int[] requestOfRow, NDManager manager) {
        int time = Arrays.stream(promptLengths).max().orElseThrow();
        long[] places = Arrays.stream(requestOfRow)
                .mapToLong(request -> (long) request * time + promptLengths[request] - 1)
                .toArray();
        return Tensors.longs(manager, places, new Shape(places.length));
    }

    private static NDArray flat(NDArray hidden) {
        return hidden.reshape(-1, hidden.getShape().get(2));
    }

    private void requireKnownTokens(GenerationRequest request) {
        int vocab = decoder.config().vocabSize();
        for (int id : request.promptIds()) {
            if (id < 0 || id >= vocab) {
                throw new IllegalArgumentException(
                        "prompt " + request.prompt() + " holds token " + id + "; the model has 0 to " + (vocab - 1));
            }
        }
    }

    /** A completion under way. */
    private static final class Branch {
        private final int request;
        private final int prompt;
        private final int branch;
        private final int[] ids;
        private int length;
        private boolean ended;

        Branch(int request, int prompt, int branch, int maxNewTokens) {
            this.request = request;
            this.prompt = prompt;
            this.branch = branch;
            ids = new int[maxNewTokens];
        }

        /** Rows that are done stay in the batch until it is compacted; what the model writes there is dropped. */
        void append(int token, Set<Integer> eosIds) {
            if (!done()) {
                ids[length++] = token;
                ended = eosIds.contains(token);
            }
        }

        boolean done() {
            return ended || length == ids.length;
        }

        int lastToken() {
            return ids[length - 1];
        }

        Completion completion() {
            return new Completion(Arrays.copyOf(ids, length), ended);
        }
    }
}
