package org.openstrawberry.model.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.openstrawberry.model.pretrained.Parameters;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.model.transformer.ModelTensors;
import org.openstrawberry.model.transformer.Pass;
import org.openstrawberry.model.transformer.TokenBatch;

/** Steps 7 to 11 of the algorithm: log-probabilities, log-ratios, loss, mean over the pairs, gradient and update. */
public final class DpoTrainer {
    private final Decoder decoder;
    private final boolean byLayer;

    /**
     * A trainer of models of a decoder's sizes, which keeps all that its gradients need.
     *
     * @param decoder computes
     */
    public DpoTrainer(Decoder decoder) {
        this(decoder, false);
    }

    /**
     * A trainer of models of a decoder's sizes.
     *
     * @param decoder computes
     * @param byLayer whether a layer's intermediate arrays are computed once more for its gradient instead of kept
     */
    public DpoTrainer(Decoder decoder, boolean byLayer) {
        this.decoder = decoder;
        this.byLayer = byLayer;
    }

    /**
     * One step on a batch of pairs, whose loss is that of all of them together, however they are parted into
     * micro-batches.
     *
     * @param policy its trained tensors are changed in place
     * @param reference not changed before the step is; the policy itself where the two are equal, which saves its pass
     * @param optimizer of the policy
     * @param pairs at least one
     * @param objective the loss
     * @param learningRate of this step
     * @param clipNorm limit of the gradient's norm; 0 is none
     * @param microBatchTokens most tokens computed at a time, padding counted; a pair larger than that stands alone
     * @return what was found before the update
     * @throws NotFiniteException if the gradient is not finite; the weights are then unchanged
     */
    public DpoStep step(
            Parameters policy,
            Parameters reference,
            Optimizer optimizer,
            List<PreferencePair> pairs,
            PreferenceObjective objective,
            double learningRate,
            double clipNorm,
            int microBatchTokens) {
        try (Gradients gradients = new Gradients(policy, decoder, byLayer)) {
            List<PairTokens> found = accumulate(gradients, policy, reference, pairs, objective, microBatchTokens);
            Map<String, NDArray> byName = gradients.byName();
            double gradNorm = Gradients.norm(byName);
            optimizer.step(policy.trained(), byName, learningRate, Gradients.clip(gradNorm, clipNorm));
            return result(objective, gradNorm, found);
        }
    }

    /**
     * What {@link #step} would find, without an update.
     *
     * @param policy not changed
     * @param reference not changed; the policy itself where the two are equal
     * @param pairs at least one
     * @param objective the loss
     * @param microBatchTokens most tokens computed at a time, padding counted
     * @return loss, norm of the gradient, log-probabilities
     * @throws NotFiniteException if the gradient is not finite
     */
    public DpoStep measure(
            Parameters policy,
            Parameters reference,
            List<PreferencePair> pairs,
            PreferenceObjective objective,
            int microBatchTokens) {
        try (Gradients gradients = new Gradients(policy, decoder, byLayer)) {
            List<PairTokens> found = accumulate(gradients, policy, reference, pairs, objective, microBatchTokens);
            return result(objective, Gradients.norm(gradients.byName()), found);
        }
    }

    private static DpoStep result(PreferenceObjective objective, double gradNorm, List<PairTokens> found) {
        return new DpoStep(
                objective.value(found),
                gradNorm,
                found.stream().map(pair -> objective.value(List.of(pair))).toList(),
                found,
                found.stream().map(objective::sums).toList());
    }

    /** Adds up the gradient of the batch's loss; returns the log-probabilities in the pairs' order. */
    List<PairTokens> accumulate(
            Gradients gradients,
            Parameters policy,
            Parameters reference,
            List<PreferencePair> pairs,
            PreferenceObjective objective,
            int microBatchTokens) {
        if (pairs.isEmpty()) {
            throw new IllegalArgumentException("a step needs at least one pair");
        }
        List<List<Integer>> plan = MicroBatches.ofPairs(pairs, microBatchTokens);
        Optional<ModelTensors> other = reference == policy
                ? Optional.empty()
                : Optional.of(decoder.weights(reference.model(gradients.memory()), gradients.memory()));
        Batch batch = new Batch(pairs, objective, gradients, other);
        if (objective.needsWholeBatch()) {
            // A pass without gradients tells each pair's slopes, which depend on all the others'; they are then known
            // when a micro-batch is propagated back.
            plan.forEach(batch::look);
            batch.knowSlopes();
        }
        plan.forEach(batch::addGradient);
        return List.of(batch.found);
    }

    /** A batch of pairs under way. */
    private final class Batch {
        private final List<PreferencePair> pairs;
        private final PreferenceObjective objective;
        private final Gradients gradients;
        private final Optional<ModelTensors> reference; // none where it equals the policy
        private final int chosenTokens;
        private final PairTokens[] found;
        private List<PreferenceObjective.Slopes> known = List.of();

        Batch(
                List<PreferencePair> pairs,
                PreferenceObjective objective,
                Gradients gradients,
                Optional<ModelTensors> reference) {
            this.pairs = pairs;
            this.objective = objective;
            this.gradients = gradients;
            this.reference = reference;
            chosenTokens =
                    pairs.stream().mapToInt(pair -> pair.chosenIds().length).sum();
            found = new PairTokens[pairs.size()];
        }

        /** The log-probabilities of some pairs, without gradients. */
        void look(List<Integer> items) {
            try (NDManager memory = gradients.memory().newSubManager();
                    Pass pass = gradients.look(rows(items, memory))) {
                keep(items, pass);
            }
        }

        void knowSlopes() {
            known = objective.slopes(Arrays.asList(found), pairs.size(), chosenTokens);
        }

        /** Propagates some pairs' part of the loss back. */
        void addGradient(List<Integer> items) {
            try (NDManager memory = gradients.memory().newSubManager();
                    Pass pass = gradients.pass(rows(items, memory))) {
                List<PreferenceObjective.Slopes> slopes = known.isEmpty()
                        ? objective.slopes(keep(items, pass), pairs.size(), chosenTokens)
                        : items.stream().map(known::get).toList();
                pass.backward(joined(slopes), gradients.sums());
            }
        }

        /**
         * Chosen and rejected stand in one batch, and the reference sees the same batch as the policy: where the two are
         * equal, their log-probabilities are equal to the last bit.
         */
        private TokenBatch rows(List<Integer> items, NDManager memory) {
            List<Sequence> rows = Stream.concat(
                            items.stream().map(i -> pairs.get(i).chosen()),
                            items.stream().map(i -> pairs.get(i).rejected()))
                    .toList();
            return LogProbs.batch(rows, decoder, memory);
        }

        private float[] ofReference(Pass policy, float[] found) {
            if (reference.isEmpty()) {
                return found;
            }
            try (Pass pass = decoder.pass(reference.get(), policy.batch(), Pass.Keep.NOTHING, gradients.memory())) {
                return pass.logProbs();
            }
        }

        private List<PairTokens> keep(List<Integer> items, Pass pass) {
            float[][] now = objective.weighted() ? pass.logProbsAndSquares() : new float[][] {pass.logProbs()};
            TokenBatch batch = pass.batch();
            float[][] policyRows = batch.byText(now[0]);
            float[][] referenceRows = batch.byText(ofReference(pass, now[0]));
            float[][] squareRows = objective.weighted() ? batch.byText(now[1]) : new float[0][];
            int n = items.size();
            List<PairTokens> kept = new ArrayList<>(n);
            for (int k = 0; k < n; k++) {
                double likely = squareRows.length == 0
                        ? 1
                        : Math.exp(meanLead(policyRows[k], squareRows[k])
                                + meanLead(policyRows[n + k], squareRows[n + k]));
                double weight = likely * pairs.get(items.get(k)).weight();
                PairTokens pair = new PairTokens(
                        policyRows[k], policyRows[n + k], referenceRows[k], referenceRows[n + k], weight);
                found[items.get(k)] = pair;
                kept.add(pair);
            }
            return kept;
        }
    }

    /** @return mean_t(log π(y_t) − log Σ_v π(v)²) */
    private static double meanLead(float[] logProbs, float[] logSquares) {
        return (LogProbs.sum(logProbs) - LogProbs.sum(logSquares)) / logProbs.length;
    }

    /** Row by row as in the batch: all preferred completions, then all others. */
    private static float[] joined(List<PreferenceObjective.Slopes> slopes) {
        int tokens = slopes.stream()
                .mapToInt(pair -> pair.chosen().length + pair.rejected().length)
                .sum();
        float[] joined = new float[tokens];
        int at = 0;
        for (PreferenceObjective.Slopes pair : slopes) {
            System.arraycopy(pair.chosen(), 0, joined, at, pair.chosen().length);
            at += pair.chosen().length;
        }
        for (PreferenceObjective.Slopes pair : slopes) {
            System.arraycopy(pair.rejected(), 0, joined, at, pair.rejected().length);
            at += pair.rejected().length;
        }
        return joined;
    }
}
