package org.openstrawberry.model;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Counter-based random numbers: Philox 4x32-10 of J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
 * (SC 2011). Each number is a pure function of a key and a place; there is no state, so a number does not depend on what
 * was drawn before, by whom, or how often.
 *
 * <p>Layout: key words 0 and 1 are the low and the high half of the seed; counter words 0 to 3 hold the coordinates
 * {@code a, b, c, d} in this order.
 */
public final class Philox {
    private static final int ROUNDS = 10;
    private static final long MULTIPLIER_0 = 0xD2511F53L;
    private static final long MULTIPLIER_1 = 0xCD9E8D57L;
    private static final int WEYL_0 = 0x9E3779B9;
    private static final int WEYL_1 = 0xBB67AE85;
    private static final long WORD = 0xFFFFFFFFL;

    private Philox() {}

    /**
     * The block function.
     *
     * @return four words, each uniform over all 32-bit values
     */
    public static int[] block(int key0, int key1, int counter0, int counter1, int counter2, int counter3) {
        int k0 = key0;
        int k1 = key1;
        int c0 = counter0;
        int c1 = counter1;
        int c2 = counter2;
        int c3 = counter3;
        for (int round = 0; round < ROUNDS; round++) {
            long product0 = MULTIPLIER_0 * (c0 & WORD);
            long product1 = MULTIPLIER_1 * (c2 & WORD);
            c0 = (int) (product1 >>> 32) ^ c1 ^ k0;
            c1 = (int) product1;
            c2 = (int) (product0 >>> 32) ^ c3 ^ k1;
            c3 = (int) product0;
            k0 += WEYL_0;
            k1 += WEYL_1;
        }
        return new int[] {c0, c1, c2, c3};
    }

    /**
     * The block at a place.
     *
     * @param seed the key
     * @param a first coordinate, like the others from 0 to 2³² − 1
     * @param b second coordinate
     * @param c third coordinate
     * @param d fourth coordinate
     * @return four words, each uniform over all 32-bit values
     */
    public static int[] block(long seed, long a, long b, long c, long d) {
        return block((int) seed, (int) (seed >>> 32), word(a), word(b), word(c), word(d));
    }

    /**
     * A uniform number at a place: the upper 24 bits of the block's first word, times 2⁻²⁴.
     *
     * @param seed the key
     * @param a first coordinate, like the others from 0 to 2³² − 1
     * @param b second coordinate
     * @param c third coordinate
     * @param d fourth coordinate
     * @return in [0, 1), exact in float32
     */
    public static float uniform(long seed, long a, long b, long c, long d) {
        return (block(seed, a, b, c, d)[0] >>> 8) * 0x1p-24f;
    }

    /**
     * The seed of a purpose, so that two uses of the same coordinates draw different numbers: the first two words of the
     * block whose key is {@code seed} and whose counter is the first 16 bytes (big-endian words) of the SHA-256 of the
     * purpose's name in UTF-8.
     *
     * @param purpose any name, part of what defines the numbers
     */
    public static long seed(long seed, String purpose) {
        ByteBuffer hash = ByteBuffer.wrap(Sha256.digest().digest(purpose.getBytes(StandardCharsets.UTF_8)));
        int[] words =
                block((int) seed, (int) (seed >>> 32), hash.getInt(), hash.getInt(), hash.getInt(), hash.getInt());
        return (words[0] & WORD) | ((long) words[1] << 32);
    }

    private static int word(long coordinate) {
        if ((coordinate & ~WORD) != 0) {
            throw new IllegalArgumentException("coordinate must be from 0 to 4294967295, found " + coordinate);
        }
        return (int) coordinate;
    }
}
