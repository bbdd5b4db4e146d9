package org.openstrawberry.activities.policy;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.config.DpoSpec;
import org.openstrawberry.config.OptimizerSpec;
import org.openstrawberry.config.ReferenceSpec;
import org.openstrawberry.model.training.PairLogProbs;

/**
 * The content of {@code step.json}: what a step was taken with, which is all it takes to take it again, and what it
 * found.
 *
 * @param taken false where there was no pair, or the step was refused
 * @param pairsSha256 of the pairs it learnt from
 * @param sampledBy iteration of the policy that wrote the thoughts, where sampling runs ahead; else it is the one before
 * @param learningRate of this step
 * @param dpo the loss, with the β of this step
 * @param refresh the refresh of the reference that followed
 * @param adjusted settings of the run changed since its start, dotted key to value
 * @param batches places in {@code pairs.jsonl} by optimiser step, where there was more than one
 * @param logps summed log-probs by pair, in the order of {@code pairs.jsonl}
 * @param tokens the same token by token, for people; nothing is computed from them. Earlier versions did not keep them
 * @param metrics as in {@code metrics.jsonl}
 * @param parent the iteration whose state it started from, after a rollback; empty: the one before
 * @param refused why it was not taken although there were pairs; the policy then stayed as it was
 */
public record StepFile(
        int iteration,
        boolean taken,
        String pairsSha256,
        Optional<Integer> sampledBy,
        double learningRate,
        DpoSpec dpo,
        OptimizerSpec optimizer,
        Optional<ReferenceSpec> refresh,
        Map<String, Object> adjusted,
        Optional<List<List<Integer>>> batches,
        Optional<List<PairLogProbs>> logps,
        Optional<List<TokenLogProbs>> tokens,
        Map<String, Double> metrics,
        Optional<Integer> parent,
        Optional<String> refused) {

    /** The same, refused for a reason. */
    StepFile refused(String why, Map<String, Double> found) {
        return new StepFile(
                iteration,
                taken,
                pairsSha256,
                sampledBy,
                learningRate,
                dpo,
                optimizer,
                refresh,
                adjusted,
                batches,
                logps,
                tokens,
                found,
                parent,
                Optional.of(why));
    }
}
