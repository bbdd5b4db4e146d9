package org.openstrawberry.activities.policy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.openstrawberry.activities.prompts.EpochOrder;
import org.openstrawberry.config.OptimizerSpec;
import org.openstrawberry.model.training.DpoStep;
import org.openstrawberry.model.training.PairLogProbs;
import org.openstrawberry.model.training.PairTokens;

/** Parts an iteration's pairs into the batches of its optimiser steps. Pure functions. */
final class MiniBatches {
    private MiniBatches() {}

    /**
     * One batch a step, in the order of the steps. Mini-batches are drawn without replacement in each epoch, by (seed,
     * iteration, epoch); the last of an epoch may be smaller. Without mini-batches an epoch is all pairs in their order.
     *
     * @param pairs of the iteration, at least 1
     * @param spec epochs and size
     * @param seed of the run
     * @return indices of pairs by step
     */
    static List<List<Integer>> plan(int pairs, OptimizerSpec spec, long seed, int iteration) {
        int size = spec.miniBatchPairs() == 0 ? pairs : Math.min(pairs, spec.miniBatchPairs());
        EpochOrder order = new EpochOrder(pairs, seed, "mini-batches of iteration " + iteration);
        List<List<Integer>> steps = new ArrayList<>();
        for (int epoch = 0; epoch < spec.epochs().orElse(1); epoch++) {
            long start = (long) epoch * pairs;
            for (int from = 0; from < pairs; from += size) {
                steps.add(IntStream.range(from, Math.min(pairs, from + size))
                        .mapToObj(i -> size == pairs ? i : order.at(start + i).row())
                        .toList());
            }
        }
        return steps;
    }

    /**
     * What the first epoch's steps found, as of one batch: each pair as it stood before the step that it was part of.
     *
     * @param steps of all epochs
     * @param batches indices of pairs by step
     * @param pairs of the iteration
     */
    static DpoStep firstEpoch(List<DpoStep> steps, List<List<Integer>> batches, int pairs) {
        if (batches.get(0).size() == pairs) {
            return steps.get(0);
        }
        Double[] losses = new Double[pairs];
        PairTokens[] tokens = new PairTokens[pairs];
        PairLogProbs[] scored = new PairLogProbs[pairs];
        double loss = 0;
        double gradNorm = 0;
        for (int s = 0, seen = 0; seen < pairs; seen += batches.get(s).size(), s++) {
            DpoStep step = steps.get(s);
            List<Integer> batch = batches.get(s);
            for (int i = 0; i < batch.size(); i++) {
                losses[batch.get(i)] = step.losses().get(i);
                tokens[batch.get(i)] = step.tokens().get(i);
                scored[batch.get(i)] = step.scored().get(i);
            }
            double share = (double) batch.size() / pairs;
            loss += share * step.loss();
            gradNorm += share * step.gradNorm();
        }
        return new DpoStep(loss, gradNorm, List.of(losses), List.of(tokens), List.of(scored));
    }
}
