package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;

/**
 * How many thoughts an iteration samples, and how.
 *
 * @param prompts prompts an iteration (N)
 * @param branches thoughts a prompt (B)
 * @param temperature divisor of the logits, above 0
 * @param topK only the k likeliest tokens; 0: off
 * @param topP only the likeliest tokens that together reach this probability; 1: off
 * @param minP only tokens at least this fraction as likely as the likeliest; 0: off
 * @param minNewTokens tokens before a completion may end
 * @param maxNewTokens longest completion in tokens, end-of-sequence included
 * @param shards parts that an iteration's prompts are divided into, each generated and scored as one piece of work
 * @param branching how the branches of a prompt grow
 * @param ahead iterations that sampling runs ahead of training, 0 or 1
 * @param waveRows sequences that are computed as one batch
 * @param tree how the branches grow as a tree; absent where they don't
 */
@JsonNaming(KebabCaseStrategy.class)
public record SamplingSpec(
        int prompts,
        int branches,
        double temperature,
        int topK,
        double topP,
        double minP,
        int minNewTokens,
        int maxNewTokens,
        int shards,
        Branching branching,
        int ahead,
        int waveRows,
        @JsonInclude(JsonInclude.Include.NON_ABSENT) Optional<TreeSpec> tree) {

    /** How the branches of a prompt grow. */
    public enum Branching {
        /** Independent completions of the prompt. */
        @JsonProperty("flat")
        FLAT,
        /** A tree of steps that they share. */
        @JsonProperty("tree")
        TREE
    }

    /** Checks every range. */
    public SamplingSpec {
        Check.atLeast(1, "prompts", prompts);
        Check.atLeast(2, "branches", branches);
        Check.positive("temperature", temperature);
        Check.atLeast(0, "top-k", topK);
        Check.that(topP > 0 && topP <= 1, "top-p", "above 0 and at most 1", topP);
        Check.that(minP >= 0 && minP < 1, "min-p", "at least 0 and below 1", minP);
        Check.atLeast(1, "max-new-tokens", maxNewTokens);
        Check.atLeast(0, "min-new-tokens", minNewTokens);
        if (minNewTokens > maxNewTokens) {
            throw new SettingException(
                    "min-new-tokens",
                    "must be at most sampling.max-new-tokens (" + maxNewTokens + "), found " + minNewTokens,
                    "max-new-tokens");
        }
        Check.atLeast(1, "shards", shards);
        if (shards > prompts) {
            throw new SettingException(
                    "shards", "must be at most sampling.prompts (" + prompts + "), found " + shards, "prompts");
        }
        Check.that(ahead == 0 || ahead == 1, "ahead", "0 or 1", ahead);
        Check.atLeast(1, "wave-rows", waveRows);
        if (tree.isPresent() != (branching == Branching.TREE)) {
            throw new SettingException(
                    "tree",
                    tree.isPresent() ? "has no effect without branching: tree" : "is missing with branching: tree",
                    "branching");
        }
        if (tree.isPresent() && minNewTokens > 0) {
            throw new SettingException(
                    "min-new-tokens", "has no effect with branching: tree, found " + minNewTokens, "branching");
        }
        int expansion = tree.map(search -> search.rootWidthOf(branches) * search.rollouts())
                .orElse(0);
        int simulations = tree.flatMap(TreeSpec::simulations).orElse(expansion);
        if (simulations < expansion) {
            throw new SettingException(
                    "tree.simulations",
                    "must be at least width × rollouts (" + expansion + "), found " + simulations,
                    "tree.root-width",
                    "tree.width",
                    "tree.rollouts");
        }
    }

    /** The iteration of the policy that writes an iteration's thoughts: the one before, or with ahead the one before that. */
    public int policyOf(int iteration) {
        return Math.max(0, iteration - 1 - ahead);
    }

    /** The same, where sampling runs ahead: what is worth being written down. */
    public Optional<Integer> sampledBy(int iteration) {
        return ahead > 0 ? Optional.of(policyOf(iteration)) : Optional.empty();
    }
}
