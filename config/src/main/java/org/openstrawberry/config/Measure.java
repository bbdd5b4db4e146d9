package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** What ranks the trials of a sweep. Each knows which way is better. */
public enum Measure {
    /**
     * The best held-out result so far: the judge's mean score, or without one accuracy, or the mean reward where rewards are
     * not 0 and 1. Higher is better.
     */
    @JsonProperty("accuracy")
    ACCURACY(true),
    /** The smoothed training loss. Lower is better. */
    @JsonProperty("loss")
    LOSS(false),
    /** Mean reward of the last ten iterations' thoughts. Higher is better. */
    @JsonProperty("reward")
    REWARD(true);

    private final boolean higherIsBetter;

    Measure(boolean higherIsBetter) {
        this.higherIsBetter = higherIsBetter;
    }

    /** As it stands in a sweep file. */
    public String written() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The better value first, one that is missing or no number last. */
    public Comparator<Optional<Double>> bestFirst() {
        double worst = higherIsBetter ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
        Comparator<Double> order = higherIsBetter ? Comparator.reverseOrder() : Comparator.naturalOrder();
        return Comparator.comparing(
                value -> value.filter(number -> !number.isNaN()).orElse(worst), order);
    }
}
