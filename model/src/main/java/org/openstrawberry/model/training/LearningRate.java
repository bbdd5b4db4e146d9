package org.openstrawberry.model.training;

/**
 * The learning rate of each step: a linear rise, then constant or a fall to a final share of the peak.
 *
 * @param shape of what follows the rise
 * @param peak highest rate, above 0
 * @param warmupSteps steps of the rise; the first has peak / warmupSteps, the last the peak
 * @param totalSteps steps of the whole schedule; after them the rate stays where it is. Ignored when constant
 * @param finalFraction share of the peak at the last step, from 0 to 1. Ignored when constant
 */
public record LearningRate(Shape shape, double peak, long warmupSteps, long totalSteps, double finalFraction) {
    /** What follows the rise. */
    public enum Shape {
        /** The peak for good. */
        CONSTANT,
        /** A straight fall. */
        LINEAR,
        /** A fall along half a cosine. */
        COSINE
    }

    public LearningRate {
        check(peak > 0 && peak < Double.POSITIVE_INFINITY, "peak must be > 0", peak);
        check(warmupSteps >= 0, "warmupSteps must be ≥ 0", warmupSteps);
        check(totalSteps >= 0, "totalSteps must be ≥ 0", totalSteps);
        check(finalFraction >= 0 && finalFraction <= 1, "finalFraction must be from 0 to 1", finalFraction);
    }

    /**
     * The same rate always.
     *
     * @param rate above 0
     * @return the schedule
     */
    public static LearningRate constant(double rate) {
        return new LearningRate(Shape.CONSTANT, rate, 0, 0, 1);
    }

    /**
     * The rate of a step.
     *
     * @param step number of the step, from 0
     * @return the rate
     */
    public double at(long step) {
        check(step >= 0, "step must be ≥ 0", step);
        if (step < warmupSteps) {
            return peak * (step + 1) / warmupSteps;
        }
        long fall = totalSteps - 1 - warmupSteps;
        double progress = fall <= 0 ? 1 : Math.min(1, (double) (step - warmupSteps) / fall);
        double above = 1 - finalFraction;
        return switch (shape) {
            case CONSTANT -> peak;
            case LINEAR -> peak * (1 - above * progress);
            case COSINE -> peak * (finalFraction + above * (1 + Math.cos(Math.PI * progress)) / 2);
        };
    }

    private static void check(boolean holds, String rule, Number found) {
        if (!holds) {
            throw new IllegalArgumentException(rule + ", found " + found);
        }
    }
}
