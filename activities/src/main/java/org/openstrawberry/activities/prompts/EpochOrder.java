package org.openstrawberry.activities.prompts;

import org.openstrawberry.model.Philox;

/**
 * The order in which a run goes through its data: a permutation of all rows an epoch, drawn from (seed, purpose, epoch)
 * by Fisher and Yates's shuffle. Position p of the run is row {@code order(p / rows)[p % rows]}, so that every row is
 * used once before any is used again.
 */
public final class EpochOrder {
    private final int rows;
    private final long seed;
    private int shuffledEpoch = -1;
    private int[] shuffled = {};

    /**
     * A row of the data at a position of the run.
     *
     * @param row from 0
     * @param epoch how often all rows were used before
     */
    public record Draw(int row, int epoch) {}

    /**
     * @param rows of the data, at least 1
     * @param seed of the run
     * @param purpose keeps orders for different uses apart
     */
    public EpochOrder(int rows, long seed, String purpose) {
        if (rows < 1) {
            throw new IllegalArgumentException("rows must be at least 1, found " + rows);
        }
        this.rows = rows;
        this.seed = Philox.seed(seed, purpose);
    }

    /** The draw at a position, counted from 0 over the whole run. */
    public synchronized Draw at(long position) {
        int epoch = Math.toIntExact(position / rows);
        if (epoch != shuffledEpoch) {
            shuffled = shuffle(epoch);
            shuffledEpoch = epoch;
        }
        return new Draw(shuffled[(int) (position % rows)], epoch);
    }

    private int[] shuffle(int epoch) {
        int[] order = new int[rows];
        for (int i = 0; i < rows; i++) {
            order[i] = i;
        }
        for (int i = rows - 1; i > 0; i--) {
            int[] words = Philox.block(seed, epoch, i, 0, 0);
            long bits = (words[0] & 0xFFFFFFFFL) | ((long) words[1] << 32);
            int j = (int) Long.remainderUnsigned(bits, i + 1L);
            int swapped = order[i];
            order[i] = order[j];
            order[j] = swapped;
        }
        return order;
    }
}
