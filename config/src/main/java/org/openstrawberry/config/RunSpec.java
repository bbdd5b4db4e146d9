package org.openstrawberry.config;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;

/**
 * Everything that defines a run: two runs of equal specification, on equal data and hardware, end with the same weights.
 * Read from a run file by {@link RunFile}; components are written in kebab-case there and in JSON. Every constructor
 * checks its own ranges and throws an {@link IllegalArgumentException} whose message begins with the key at fault.
 *
 * @param name letters, digits, dots, dashes and underscores; names the run's directory and workflow
 * @param seed key of every random number of the run
 * @param model the policy to start from and where it is computed
 * @param warmup supervised stage before the first iteration
 * @param data prompts to train on and prompts held out
 * @param sampling how many thoughts are sampled, and how
 * @param reward what scores a thought
 * @param pairs how scored thoughts become preference pairs
 * @param dpo the preference loss
 * @param optimizer how a gradient becomes a step
 * @param reference when the frozen reference follows the policy
 * @param until when the run ends
 * @param evaluation how often held-out prompts are answered, and what judges the answers
 * @param checkpoints how often state is stored and how much of it is kept
 * @param health from where on an iteration counts as unhealthy; empty: nothing is looked at, as in what was written before
 *     it existed
 */
@JsonNaming(KebabCaseStrategy.class)
public record RunSpec(
        String name,
        long seed,
        ModelSpec model,
        Optional<WarmupSpec> warmup,
        DataSpec data,
        SamplingSpec sampling,
        RewardSpec reward,
        PairsSpec pairs,
        DpoSpec dpo,
        OptimizerSpec optimizer,
        ReferenceSpec reference,
        UntilSpec until,
        EvaluationSpec evaluation,
        CheckpointSpec checkpoints,
        Optional<HealthSpec> health) {

    /** Checks the name and the rules that span blocks. */
    public RunSpec {
        Check.name(name);
        int needed = 2 * pairs.perPrompt();
        if (sampling.branches() < needed) {
            throw new SettingException(
                    "sampling.branches",
                    "must be at least 2 × pairs.per-prompt (" + needed + "), found " + sampling.branches(),
                    "pairs.per-prompt");
        }
        if (model.lora().isPresent() && reference.refresh() == ReferenceSpec.Refresh.SOFT) {
            throw new SettingException(
                    "reference.refresh",
                    "can't be soft with model.lora: a mean of adapters is not the mean of the models",
                    "model.lora");
        }
        if (warmup.isPresent() && model.lora().flatMap(LoraSpec::from).isPresent()) {
            throw new SettingException(
                    "model.lora.from",
                    "can't be set with a warmup, which would change the weights that the adapters stand on",
                    "warmup");
        }
        if (sampling.ahead() > 0
                && health.filter(bounds -> bounds.onUnhealthy() == HealthSpec.Action.ROLLBACK)
                        .isPresent()) {
            throw new SettingException(
                    "sampling.ahead",
                    "must be 0 with health.on-unhealthy: rollback, after which the next thoughts would be those of the"
                            + " policy that was given up",
                    "health.on-unhealthy");
        }
        if (evaluation.reward().isEmpty()) {
            refuseComparisons(data, reward);
        }
        sampling.tree().ifPresent(tree -> checkTree(tree, reward, pairs, dpo));
        if (!data.holdsOut()) {
            requireHeldOut("evaluation.reward", evaluation.reward().isPresent());
            requireHeldOut("until.held-out-at-least", until.heldOutAtLeast().isPresent());
            requireHeldOut("until.plateau", until.plateau().isPresent());
            requireHeldOut("reference.refresh", reference.refresh() == ReferenceSpec.Refresh.BEST);
            requireHeldOut(
                    "health.on-unhealthy",
                    health.filter(bounds -> bounds.onUnhealthy() == HealthSpec.Action.ROLLBACK)
                            .isPresent());
        }
    }

    private static void checkTree(TreeSpec tree, RewardSpec reward, PairsSpec pairs, DpoSpec dpo) {
        if (reward.comparesBranches()) {
            throw new SettingException(
                    "sampling.branching",
                    "can't be tree with a pairwise judge, which only compares thoughts and gives a step no value",
                    "reward.judge.kind");
        }
        if (tree.value() == TreeSpec.Value.PROCESS && !(reward.kind() instanceof ClassifierSpec)) {
            throw new SettingException(
                    "sampling.tree.value", "can only be process with reward.classifier", "reward.classifier");
        }
        if (tree.siblingPairs() == TreeSpec.SiblingPairs.BEST
                && !tree.leafPairs()
                && (pairs.order() != PairOrder.RANK || pairs.lengthMatched().isPresent())) {
            throw new SettingException(
                    "sampling.tree.sibling-pairs",
                    "can't be best with pairs.order or pairs.length-matched, which then choose nothing",
                    "pairs.order");
        }
        if (tree.pairWeights() != TreeSpec.PairWeights.EQUAL) {
            dpo.loss().first(LossKind::isSorting).ifPresent(kind -> {
                throw new SettingException(
                        "sampling.tree.pair-weights",
                        "must be equal with loss " + kind.written() + ", which takes pairs apart",
                        "dpo.loss");
            });
        }
    }

    private static void refuseComparisons(DataSpec data, RewardSpec reward) {
        if (data.holdsOut() && reward.comparesBranches()) {
            throw new SettingException(
                    data.heldOut().isPresent() ? "data.held-out" : "data.held-out-fraction",
                    "must be null without evaluation.reward, since a pairwise judge only compares answers to a prompt and"
                            + " can't say how good they are",
                    "reward.judge.kind");
        }
    }

    private static void requireHeldOut(String key, boolean set) {
        if (set) {
            throw new SettingException(
                    key, "needs data.held-out, which is not given", "data.held-out", "data.held-out-fraction");
        }
    }
}
