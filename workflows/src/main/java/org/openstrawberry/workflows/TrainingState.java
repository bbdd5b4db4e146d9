package org.openstrawberry.workflows;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.openstrawberry.workflows.Health.Vitals;
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
 * @param vitals what the checks of health compare with; empty where nothing was checked
 * @param parent the iteration whose state the next one starts from, where the run was rolled back; empty: this one's
 */
public record TrainingState(
        int warmUpSteps,
        int iteration,
        Optional<Double> smoothedLoss,
        Optional<Double> kl,
        Optional<HeldOut> heldOut,
        double seconds,
        Map<String, Object> adjusted,
        Optional<Map<String, Object>> expected,
        Optional<Vitals> vitals,
        Optional<Integer> parent) {
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
                0,
                0,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                0,
                Map.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }

    /** The same with another count of supervised steps. */
    public TrainingState withWarmUpSteps(int steps) {
        return new TrainingState(
                steps, iteration, smoothedLoss, kl, heldOut, seconds, adjusted, expected, vitals, parent);
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
                expected,
                vitals,
                Optional.empty());
    }

    TrainingState after(Evaluation evaluation) {
        double value = evaluation.heldOut();
        int at = evaluation.iteration();
        HeldOut next = heldOut.map(before -> value > before.best()
                        ? new HeldOut(at, value, value, at, 0)
                        : new HeldOut(at, value, before.best(), before.bestIteration(), before.withoutBest() + 1))
                .orElse(new HeldOut(at, value, value, at, 0));
        return new TrainingState(
                warmUpSteps,
                iteration,
                smoothedLoss,
                kl,
                Optional.of(next),
                seconds,
                adjusted,
                expected,
                vitals,
                parent);
    }

    /** The same with further settings changed. */
    public TrainingState adjusting(Map<String, Object> changes) {
        Map<String, Object> all = new TreeMap<>(adjusted);
        all.putAll(changes);
        return new TrainingState(
                warmUpSteps, iteration, smoothedLoss, kl, heldOut, seconds, all, Optional.empty(), vitals, parent);
    }

    /** The same with settings that change at the beginning of the next iteration, instead of others. */
    public TrainingState expecting(Map<String, Object> changes) {
        Optional<Map<String, Object>> some = Optional.of(changes).filter(all -> !all.isEmpty());
        return new TrainingState(
                warmUpSteps, iteration, smoothedLoss, kl, heldOut, seconds, adjusted, some, vitals, parent);
    }

    TrainingState spending(double more) {
        return new TrainingState(
                warmUpSteps, iteration, smoothedLoss, kl, heldOut, seconds + more, adjusted, expected, vitals, parent);
    }

    TrainingState showing(Optional<Vitals> found) {
        return new TrainingState(
                warmUpSteps, iteration, smoothedLoss, kl, heldOut, seconds, adjusted, expected, found, parent);
    }

    /**
     * This iteration counted, but what it learnt given up: the next one starts from the best state of before, and what was
     * measured of this one is no measure of the run.
     *
     * @param before the state before this iteration
     */
    TrainingState rolledBack(TrainingState before) {
        Optional<HeldOut> measured = heldOut.equals(before.heldOut)
                ? heldOut
                : before.heldOut.map(known -> new HeldOut(
                        known.iteration(),
                        known.value(),
                        known.best(),
                        known.bestIteration(),
                        known.withoutBest() + 1));
        return new TrainingState(
                warmUpSteps,
                iteration,
                before.smoothedLoss,
                before.kl,
                measured,
                seconds,
                adjusted,
                expected,
                vitals,
                Optional.of(before.bestIteration()));
    }

    /** The iteration whose state the next one starts from. */
    int standsAt() {
        return parent.orElse(iteration);
    }

    /** The iteration of the best held-out result; 0 where nothing was measured. */
    int bestIteration() {
        return heldOut.map(HeldOut::bestIteration).orElse(0);
    }
}
