package org.openstrawberry.model.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * What a step of preference training makes small: a weighted sum of losses over one batch of pairs,
 * Σ_k weight_k · mean_i ℓ_k(pair i).
 *
 * @param losses at least one, each with its weight
 * @param beta β, above 0
 * @param divergence makes scores of log-ratios
 * @param tailWeight weight, from 0 to 1, of the log-probabilities beyond the length that both completions of a pair have,
 *     under policy and reference alike (LD-DPO: Liu et al. 2024, arXiv 2409.06411); 1 takes every token alike
 * @param weighted whether each pair's losses are weighted by how likely the policy is to write both completions (WPO: Zhou
 *     et al. 2024, arXiv 2406.11827, equation 2): the product over both of exp(mean_t(log π(y_t) − log Σ_v π(v)²)), taken
 *     as a constant
 */
public record PreferenceObjective(
        List<Weighted> losses, double beta, Divergence divergence, double tailWeight, boolean weighted) {
    /**
     * A loss and its weight.
     *
     * @param loss one kind
     * @param weight above 0
     */
    public record Weighted(PreferenceLoss loss, double weight) {
        public Weighted {
            require(weight > 0 && Double.isFinite(weight), "weight must be > 0", weight);
        }
    }

    public PreferenceObjective {
        losses = List.copyOf(losses);
        if (losses.isEmpty()) {
            throw new IllegalArgumentException("an objective has at least one loss");
        }
        require(beta > 0 && Double.isFinite(beta), "beta must be > 0", beta);
        require(tailWeight >= 0 && tailWeight <= 1, "tailWeight must be from 0 to 1", tailWeight);
        for (Weighted term : losses) {
            if (!(divergence instanceof Divergence.ReverseKl) && isOfRatios(term.loss())) {
                throw new IllegalArgumentException(term.loss() + " is a function of log-ratios, found " + divergence);
            }
            if (weighted && term.loss() instanceof PreferenceLoss.Sorting) {
                throw new IllegalArgumentException(term.loss() + " parts the pairs: they can't be weighted");
            }
        }
    }

    /**
     * One loss without any option.
     *
     * @param loss its kind
     * @param beta β, above 0
     * @return the objective
     */
    public static PreferenceObjective of(PreferenceLoss loss, double beta) {
        return new PreferenceObjective(List.of(new Weighted(loss, 1)), beta, new Divergence.ReverseKl(), 1, false);
    }

    /**
     * Direct preference optimisation as first published.
     *
     * @param beta β, above 0
     * @return the objective
     */
    public static PreferenceObjective sigmoid(double beta) {
        return of(new PreferenceLoss.Sigmoid(), beta);
    }

    /** Only differences of scores free the reward from its unknown constant; these losses look at one side alone. */
    private static boolean isOfRatios(PreferenceLoss loss) {
        return loss instanceof PreferenceLoss.Sorting
                || loss instanceof PreferenceLoss.NcaPair
                || loss instanceof PreferenceLoss.BcoPair
                || loss instanceof PreferenceLoss.SppoHard
                || loss instanceof PreferenceLoss.ApoZero
                || loss instanceof PreferenceLoss.ApoDown;
    }

    /**
     * Whether the slopes of a pair depend on the other pairs' log-probabilities, so that all must be known before the first
     * is propagated back.
     */
    boolean needsWholeBatch() {
        return losses.stream()
                .anyMatch(term -> term.loss() instanceof PreferenceLoss.Sorting
                        || (weighted && term.loss() instanceof PreferenceLoss.Sft));
    }

    /**
     * The loss of a batch.
     *
     * @param batch at least one pair
     * @return Σ_k weight_k · mean_i ℓ_k
     */
    double value(List<PairTokens> batch) {
        double value = 0;
        for (Weighted term : losses) {
            value += term.weight() * mean(term.loss(), batch);
        }
        return value;
    }

    /** The log-probabilities that scores and implicit rewards are made of. */
    PairLogProbs sums(PairTokens pair) {
        return tailWeight == 1 ? pair.sums() : pair.sums(tailWeight);
    }

    private double mean(PreferenceLoss loss, List<PairTokens> batch) {
        if (loss instanceof PreferenceLoss.OfPair ofPair) {
            return batch.stream()
                    .mapToDouble(pair ->
                            pair.weight() * ofPair.of(scores(pair), beta).value())
                    .average()
                    .orElseThrow();
        }
        if (loss instanceof PreferenceLoss.Sorting sorting) {
            Sorted sorted = sorted(sorting, batch);
            return IntStream.range(0, batch.size())
                    .mapToDouble(
                            place -> sorting.at(sorted.difference(place), beta).value())
                    .average()
                    .orElseThrow();
        }
        double sum = 0;
        for (PairTokens pair : batch) {
            sum -= LogProbs.sum(pair.policyChosen());
        }
        return meanWeight(batch) * sum / chosenTokens(batch);
    }

    /** How the loss of the whole batch changes with each log-probability of a pair. */
    record Slopes(float[] chosen, float[] rejected) {}

    /**
     * The derivatives of the loss by the policy's log-probabilities.
     *
     * @param part some pairs of the batch; all of them where {@link #needsWholeBatch}
     * @param pairs in the whole batch
     * @param chosenTokens tokens of all preferred completions of the whole batch
     * @return slopes of each pair of the part, token by token
     */
    List<Slopes> slopes(List<PairTokens> part, int pairs, int chosenTokens) {
        double[] chosen = new double[part.size()]; // derivative by the preferred completion's sum
        double[] rejected = new double[part.size()];
        double chosenToken = 0; // derivative by each token of it, beside that
        for (Weighted term : losses) {
            if (term.loss() instanceof PreferenceLoss.OfPair loss) {
                addSlopes(loss, term.weight(), part, pairs, chosen, rejected);
            } else if (term.loss() instanceof PreferenceLoss.Sorting loss) {
                Sorted sorted = sorted(loss, part);
                for (int place = 0; place < part.size(); place++) {
                    double slope = term.weight()
                            * loss.at(sorted.difference(place), beta).chosenSlope()
                            / pairs;
                    chosen[sorted.chosenAt[place]] += slope;
                    rejected[sorted.rejectedAt[place]] -= slope;
                }
            } else {
                chosenToken -= term.weight() * (weighted ? meanWeight(part) : 1) / chosenTokens;
            }
        }
        List<Slopes> slopes = new ArrayList<>(part.size());
        for (int i = 0; i < part.size(); i++) {
            PairTokens pair = part.get(i);
            slopes.add(new Slopes(
                    spread(chosen[i], chosenToken, pair.policyChosen().length, pair.sharedTokens()),
                    spread(rejected[i], 0, pair.policyRejected().length, pair.sharedTokens())));
        }
        return slopes;
    }

    private void addSlopes(
            PreferenceLoss.OfPair loss,
            double weight,
            List<PairTokens> part,
            int pairs,
            double[] chosen,
            double[] rejected) {
        for (int i = 0; i < part.size(); i++) {
            PairTokens pair = part.get(i);
            PairLogProbs sums = sums(pair);
            PairLoss at = loss.of(scores(pair), beta);
            double share = weight * pair.weight();
            chosen[i] += share * at.chosenSlope() * divergence.slope(sums.chosenReward(1)) / pairs;
            rejected[i] += share * at.rejectedSlope() * divergence.slope(sums.rejectedReward(1)) / pairs;
        }
    }

    private float[] spread(double slope, double everyToken, int tokens, int shared) {
        float[] slopes = new float[tokens];
        Arrays.fill(slopes, 0, Math.min(shared, tokens), (float) (slope + everyToken));
        Arrays.fill(slopes, Math.min(shared, tokens), tokens, (float) (tailWeight * slope + everyToken));
        return slopes;
    }

    private PairScores scores(PairTokens pair) {
        return PairScores.of(sums(pair), divergence, pair.policyChosen().length, pair.policyRejected().length);
    }

    /**
     * Two sorted lists of a batch.
     *
     * @param chosenAt the pair whose preferred completion moves the difference at a place
     * @param rejectedAt the pair whose other completion does
     * @param above the list that is subtracted from, smallest first
     * @param below the list that is subtracted, smallest first
     */
    private record Sorted(int[] chosenAt, int[] rejectedAt, double[] above, double[] below) {
        double difference(int place) {
            return above[place] - below[place];
        }
    }

    private Sorted sorted(PreferenceLoss.Sorting loss, List<PairTokens> batch) {
        List<PairLogProbs> sums = batch.stream().map(this::sums).toList();
        if (loss instanceof PreferenceLoss.AotUnpaired) {
            int[] chosen = order(sums.size(), i -> sums.get(i).chosenReward(1));
            int[] rejected = order(sums.size(), i -> sums.get(i).rejectedReward(1));
            return new Sorted(
                    chosen,
                    rejected,
                    values(chosen, i -> sums.get(i).chosenReward(1)),
                    values(rejected, i -> sums.get(i).rejectedReward(1)));
        }
        int[] policy = order(sums.size(), i -> sums.get(i).policyRatio());
        int[] reference = order(sums.size(), i -> sums.get(i).referenceRatio());
        return new Sorted(
                policy,
                policy,
                values(policy, i -> sums.get(i).policyRatio()),
                values(reference, i -> sums.get(i).referenceRatio()));
    }

    /** Smallest first; equal ones keep their order. */
    private static int[] order(int count, IntToDoubleFunction value) {
        return IntStream.range(0, count)
                .boxed()
                .sorted(Comparator.comparingDouble(value::applyAsDouble))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    private static double[] values(int[] order, IntToDoubleFunction value) {
        return Arrays.stream(order).mapToDouble(value).toArray();
    }

    private static double meanWeight(List<PairTokens> batch) {
        return batch.stream().mapToDouble(PairTokens::weight).average().orElseThrow();
    }

    private static int chosenTokens(List<PairTokens> batch) {
        return batch.stream().mapToInt(pair -> pair.policyChosen().length).sum();
    }

    private static void require(boolean holds, String rule, double found) {
        if (!holds) {
            throw new IllegalArgumentException(rule + ", found " + found);
        }
    }
}
