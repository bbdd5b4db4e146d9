package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import java.util.Optional;

/**
 * How a prompt's thoughts grow as a tree of steps, and what its pairs are.
 *
 * @param search which leaves of a tree are grown
 * @param stepDelimiter text that ends a step; absent: none
 * @param stepIds tokens that end a step
 * @param stepTokens longest step; absent: with a delimiter or tokens that end a step no limit, else the longest thought parted
 *     by depth
 * @param rootWidth thoughts drawn at the root; absent: as many as width
 * @param width thoughts drawn where a leaf is grown (b); absent: half the branches
 * @param depth steps of a thought that are parted
 * @param simulations most thoughts of a tree; absent: no limit
 * @param tokens generated tokens of a tree; absent: without simulations as many as the branches would have flat, else no limit
 * @param exploration weight of what is unexplored against what is good; absent: 1; of puct alone
 * @param prior what makes a step worth exploring before it has been; absent: policy; of puct alone
 * @param rollouts least thoughts through a new step
 * @param value what a thought adds to the value of its steps
 * @param temperatureByDepth of the thoughts drawn at the root, after its steps and so on, the last one for all deeper ones;
 *     empty: sampling.temperature
 * @param leaves leaves of a tree that are grown at a time; of a beam its width
 * @param cacheMb memory in MiB for keys and values of steps that thoughts may go on from
 * @param minVisits least visits of a step that stands in a pair
 * @param leafPairs whether whole thoughts are paired as well, as without a tree
 * @param siblingPairs which siblings meet in a pair
 * @param pairWeights how pairs of steps count
 */
@JsonNaming(KebabCaseStrategy.class)
public record TreeSpec(
        Search search,
        Optional<String> stepDelimiter,
        List<Integer> stepIds,
        Optional<Integer> stepTokens,
        Optional<Integer> rootWidth,
        Optional<Integer> width,
        int depth,
        Optional<Integer> simulations,
        Optional<Integer> tokens,
        Optional<Double> exploration,
        Optional<Prior> prior,
        int rollouts,
        Value value,
        List<Double> temperatureByDepth,
        int leaves,
        int cacheMb,
        int minVisits,
        boolean leafPairs,
        SiblingPairs siblingPairs,
        PairWeights pairWeights) {

    /** Which leaves of a tree are grown. */
    public enum Search {
        /** Those that PUCT finds. */
        @JsonProperty("puct")
        PUCT,
        /** The best steps of a level, then the best of theirs. */
        @JsonProperty("beam")
        BEAM,
        /** The best step, then the best of its own. */
        @JsonProperty("best-of-n")
        BEST_OF_N
    }

    /** What makes a step worth exploring before it has been. */
    public enum Prior {
        /** How likely the policy is to take it: its mean log-probability. */
        @JsonProperty("policy")
        POLICY,
        /** Nothing. */
        @JsonProperty("uniform")
        UNIFORM
    }

    /** What a thought adds to the value of its steps. */
    public enum Value {
        /** Its reward. */
        @JsonProperty("rollouts")
        ROLLOUTS,
        /** What a classifier says of it as far as the newest of its steps. */
        @JsonProperty("process")
        PROCESS
    }

    /** Which siblings meet in a pair. */
    public enum SiblingPairs {
        /** The top K and the bottom K, in the order of {@code pairs.order}. */
        @JsonProperty("ranked")
        RANKED,
        /** The best one and each of the K most visited others. */
        @JsonProperty("best")
        BEST
    }

    /** How pairs of steps count. */
    public enum PairWeights {
        /** All the same. */
        @JsonProperty("equal")
        EQUAL,
        /** By the visits of both steps, the mean of an iteration's weights being 1. */
        @JsonProperty("visits")
        VISITS,
        /** By the visits of the step that was visited less, the mean of an iteration's weights being 1. */
        @JsonProperty("fewer-visits")
        FEWER_VISITS
    }

    /** Checks every range, and that no setting is without effect. */
    public TreeSpec {
        stepDelimiter.ifPresent(
                text -> Check.that(!text.isEmpty(), "step-delimiter", "a text that is not empty", text));
        stepIds = List.copyOf(stepIds);
        Check.that(stepIds.stream().allMatch(id -> id >= 0), "step-ids", "token ids, each at least 0", stepIds);
        stepTokens.ifPresent(most -> Check.atLeast(1, "step-tokens", most));
        rootWidth.ifPresent(wide -> Check.atLeast(2, "root-width", wide));
        width.ifPresent(wide -> Check.atLeast(2, "width", wide));
        Check.that(depth >= 1 && depth <= 1000, "depth", "from 1 to 1000", depth);
        simulations.ifPresent(most -> Check.atLeast(2, "simulations", most));
        tokens.ifPresent(most -> Check.atLeast(1, "tokens", most));
        exploration.ifPresent(weight -> Check.notNegative("exploration", weight));
        Check.atLeast(1, "rollouts", rollouts);
        temperatureByDepth = List.copyOf(temperatureByDepth);
        temperatureByDepth.forEach(heat -> Check.positive("temperature-by-depth", heat));
        Check.atLeast(1, "leaves", leaves);
        Check.atLeast(0, "cache-mb", cacheMb);
        Check.atLeast(1, "min-visits", minVisits);
        if (temperatureByDepth.size() > depth) {
            throw new SettingException(
                    "temperature-by-depth",
                    "has " + temperatureByDepth.size() + " temperatures, expected at most depth (" + depth + ")",
                    "depth");
        }
        if (search != Search.PUCT) {
            refuse("exploration", exploration.isPresent(), "has no effect without search: puct", "search");
            refuse("prior", prior.isPresent(), "has no effect without search: puct", "search");
        }
        refuse(
                "leaves",
                search == Search.BEST_OF_N && leaves > 1,
                "must be 1 with search: best-of-n, found " + leaves + "; a beam is wider",
                "search");
        refuse(
                "rollouts",
                value == Value.PROCESS && rollouts > 1,
                "must be 1 with value: process, found " + rollouts + "; more would not change a value",
                "value");
    }

    private static void refuse(String key, boolean without, String problem, String related) {
        if (without) {
            throw new SettingException(key, problem, related);
        }
    }

    /** Thoughts drawn where a leaf is grown. */
    public int widthOf(int branches) {
        return width.orElse(Math.max(2, branches / 2));
    }

    /** Thoughts drawn at the root. */
    public int rootWidthOf(int branches) {
        return rootWidth.orElseGet(() -> widthOf(branches));
    }

    /** The longest step, if there is a limit. */
    public Optional<Integer> stepTokensOf(int maxNewTokens) {
        boolean otherwise = stepDelimiter.isPresent() || !stepIds.isEmpty();
        return stepTokens.or(() -> otherwise ? Optional.empty() : Optional.of((maxNewTokens + depth - 1) / depth));
    }

    /** The temperature of the thoughts that are drawn after so many steps. */
    public double temperatureAt(int steps, double otherwise) {
        return temperatureByDepth.isEmpty()
                ? otherwise
                : temperatureByDepth.get(Math.min(steps, temperatureByDepth.size() - 1));
    }
}
