package org.openstrawberry.model.generation;

import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.Writing;
import org.openstrawberry.model.transformer.WritingWeights;

/**
 * Writes completions. Each prompt goes through the model once, its branches start from the same keys and values and share them
 * where they are many; sequences that have ended leave the batch.
 *
 * <p>What comes out is a function of the arguments alone: a token's random number is a function of seed, iteration, prompt,
 * branch and position, and the composition of the batch at each token, on which rounding depends, is a function of the
 * wave and of the tokens so far.
 */
public final class Generator {
    /** So many tokens of each sequence are written before Java is asked again. */
    private static final int STEPS = 32;

    private final Decoder decoder;
    private final Set<Integer> eosIds;

    /**
     * A generator for a model.
     *
     * @param decoder computes
     * @param eosIds tokens that end a completion; with none, each runs to the longest allowed length
     */
    public Generator(Decoder decoder, Set<Integer> eosIds) {
        this.decoder = decoder;
        this.eosIds = Set.copyOf(eosIds);
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
        try (NDManager memory = weights.newSubManager()) {
            return generate(decoder.forWriting(weights.asMap(), memory), wave, settings, seed, iteration);
        }
    }

    /**
     * As the other, with weights that are prepared once for many waves.
     *
     * @param weights of the policy, by {@link Decoder#forWriting}
     * @param wave the prompts; the sum of their branches is the number of sequences computed at a time
     * @param settings how tokens are chosen
     * @param seed key of the random numbers
     * @param iteration a coordinate of the random numbers
     * @return for each request, in order, its completions in the order of their branches
     * @throws IllegalArgumentException if a prompt holds an id outside the vocabulary
     */
    public List<List<Completion>> generate(
            WritingWeights weights,
            List<GenerationRequest> wave,
            SamplingSettings settings,
            long seed,
            long iteration) {
        if (wave.isEmpty()) {
            return List.of();
        }
        wave.forEach(this::requireKnownTokens);
        List<Branch> branches = new ArrayList<>();
        List<List<Branch>> byRequest = new ArrayList<>();
        List<Integer> promptOfRow = new ArrayList<>();
        for (int request = 0; request < wave.size(); request++) {
            List<Branch> its = new ArrayList<>();
            for (int branch = 0; branch < wave.get(request).branches(); branch++) {
                its.add(new Branch(wave.get(request).prompt(), branch, settings.maxNewTokens()));
                promptOfRow.add(request);
            }
            byRequest.add(its);
            branches.addAll(its);
        }
        try (NDManager memory = weights.newSubManager();
                Writing writing = new Writing(
                        weights,
                        wave.stream().map(GenerationRequest::promptIds).toList(),
                        promptOfRow.stream().mapToInt(Integer::intValue).toArray(),
                        settings.maxNewTokens(),
                        memory)) {
            write(writing, branches, settings, seed, iteration);
        }
        return byRequest.stream()
                .map(its ->
                        its.stream().map(branch -> branch.completion(eosIds)).toList())
                .toList();
    }

    private void write(Writing writing, List<Branch> branches, SamplingSettings settings, long seed, long iteration) {
        int[] endings = eosIds.stream().mapToInt(Integer::intValue).sorted().toArray();
        Writing.Choice choice =
                new Writing.Choice(settings.temperature(), settings.topK(), settings.topP(), settings.minP());
        int at = 0;
        while (at < settings.maxNewTokens() && writing.rows().length > 0) {
            boolean unending = at < settings.minNewTokens();
            int steps = Math.min(STEPS, (unending ? settings.minNewTokens() : settings.maxNewTokens()) - at);
            float[][] uniforms = new float[steps][branches.size()];
            for (int row : writing.rows()) {
                Branch branch = branches.get(row);
                for (int step = 0; step < steps; step++) {
                    uniforms[step][row] = Philox.uniform(seed, iteration, branch.prompt, branch.number, at + step);
                }
            }
            at += steps;
            Writing.Written written = writing.write(
                    uniforms, choice, endings, unending ? endings : new int[0], at == settings.maxNewTokens());
            for (int step = 0; step < steps; step++) {
                for (int row = 0; row < branches.size(); row++) {
                    branches.get(row).append(written.tokens()[step][row], written.logProbs()[step][row]);
                }
            }
        }
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
        private final int prompt;
        private final int number;
        private final int[] ids;
        private final float[] logProbs;
        private int length;

        Branch(int prompt, int number, int maxNewTokens) {
            this.prompt = prompt;
            this.number = number;
            ids = new int[maxNewTokens];
            logProbs = new float[maxNewTokens];
        }

        void append(int token, float logProb) {
            if (token >= 0) {
                ids[length] = token;
                logProbs[length++] = logProb;
            }
        }

        Completion completion(Set<Integer> eosIds) {
            return new Completion(
                    Arrays.copyOf(ids, length), Arrays.copyOf(logProbs, length), eosIds.contains(ids[length - 1]));
        }
    }
}
