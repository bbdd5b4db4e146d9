package org.openstrawberry.worker.demo;

import java.util.List;
import java.util.SplittableRandom;

/**
 * Draws from a sequence of random bits. Written out from {@link SplittableRandom}'s bits alone, because how Java makes
 * bounded numbers of them differs between its versions, and the shipped files must come out the same on all.
 */
final class Draws {
    private final SplittableRandom bits;

    Draws(long seed) {
        bits = new SplittableRandom(seed);
    }

    /** A whole number from 0 to below the bound. */
    int below(int bound) {
        return (int) (Integer.toUnsignedLong(bits.nextInt()) * bound >>> 32);
    }

    /** A whole number, both ends included. */
    int between(int least, int most) {
        return least + below(most - least + 1);
    }

    /** True with a probability. */
    boolean chance(double probability) {
        return uniform() < probability;
    }

    /** A number in [0, 1). */
    double uniform() {
        return (bits.nextLong() >>> 11) * 0x1.0p-53;
    }

    <T> T oneOf(List<T> choices) {
        return choices.get(below(choices.size()));
    }

    char letter() {
        return (char) ('a' + below(26));
    }

    /** Puts a list into random order (Fisher and Yates). */
    <T> void shuffle(List<T> list) {
        for (int i = list.size() - 1; i > 0; i--) {
            T swapped = list.get(i);
            int other = below(i + 1);
            list.set(i, list.get(other));
            list.set(other, swapped);
        }
    }
}
