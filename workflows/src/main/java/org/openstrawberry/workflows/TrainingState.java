package org.openstrawberry.workflows;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.openstrawberry.workflows.steps.Evaluation;
import org.openstrawberry.workflows.steps.Step;

/**
 * Where a run stands between two iterations: all that the stopping rules look at. Stored in the run directory with each
 * iteration, and carried on when the workflow continues as new.
 *
 * @param warmUpSteps supervised steps taken
 * @param iteration the last finished iteration; 0 before the first
 * @param smoothedLoss exponential mean of the steps' losses
 * @param kl of the last step
 * @param heldOut the last held-out result
 * @param seconds time spent in iterations so far
 * @param adjusted settings changed since the start, dotted key to value
 * @param expected settings that change at the beginning of the next iteration
 */
public record TrainingState(
        int warmUpSteps,
        int iteration,
        Optional<Double> smoothedLoss,
        Optional<Double> kl,
        Optional<HeldOut> heldOut,
        double seconds,
        Map<String, Object> adjusted,
        Optional<Map<String, Object>> expected) {
    /** Weight of the newest loss in the smoothed one. */
    static final double LOSS_SMOOTHING = 0.1;

    /**
     * @param iteration when it was measured
     * @param value mean score of the greedy answers by the judge, without one by the reward
     * @param best the best value so far
     * @param bestIteration when the best was first reached
     * @param withoutBest evaluations since then
     */
    public record HeldOut(int iteration, double value, double best, int bestIteration, int withoutBest) {}

    /** A run of which nothing is done. */
    public static TrainingState fresh() {
        return new TrainingState(
                0, 0, Optional.empty(), Optional.empty(), Optional.empty(), 0, Map.of(), Optional.empty());
    }

    /** The same with another count of supervised steps. */
    public TrainingState withWarmUpSteps(int steps) {
        return new TrainingState(steps, iteration, smoothedLoss, kl, heldOut, seconds, adjusted, expected);
    }

    TrainingState after(Step step) {
        Optional<Double> loss = Optional.ofNullable(step.metrics().get("loss"))
                .map(latest ->
                        smoothedLoss.map(s -> s + LOSS_SMOOTHING * (latest - s)).orElse(latest));
        Optional<Double> latestKl = Optional.ofNullable(step.metrics().get("objective/kl"));
        return new TrainingState(
                warmUpSteps,
                step.iteration(),
                loss.or(() -> smoothedLoss),
                latestKl.or(() -> kl),
                heldOut,
                seconds,
                adjusted,
                expected);
    }

    TrainingState after(Evaluation evaluation) {
        double value = evaluation.heldOut();
        int at = evaluation.iteration();
        HeldOut next = heldOut.map(before -> value > before.best()
                        ? new HeldOut(at, value, value, at, 0)
                        : new HeldOut(at, value, before.best(), before.bestIteration(), before.withoutBest() + 1))
                .orElse(new HeldOut(at, value, value, at, 0));
        return new TrainingState(
                warmUpSteps, iteration, smoothedLoss, kl, Optional.of(next), seconds, adjusted, expected);
    }

    /** The same with further settings changed. */
    public TrainingState adjusting(Map<String, Object> changes) {
        Map<String, Object> all = new TreeMap<>(adjusted);
        all.putAll(changes);
        return new TrainingState(warmUpSteps, iteration, smoothedLoss, kl, heldOut, seconds, all, Optional.empty());
    }

    /** The same with settings that change at the beginning of the next iteration, instead of others. */
    public TrainingState expecting(Map<String, Object> changes) {
        Optional<Map<String, Object>> some = Optional.of(changes).filter(all -> !all.isEmpty());
        return new TrainingState(warmUpSteps, iteration, smoothedLoss, kl, heldOut, seconds, adjusted, some);
    }

    TrainingState spending(double more) {
        return new TrainingState(warmUpSteps, iteration, smoothedLoss, kl, heldOut, seconds + more, adjusted, expected);
    }

    /** The iteration of the best held-out result; 0 where nothing was measured. */
    int bestIteration() {
        return heldOut.map(HeldOut::bestIteration).orElse(0);
    }
}
