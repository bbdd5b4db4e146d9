package org.openstrawberry.config;

/**
 * A preference as token ids: one line of a pairs file.
 *
 * @param line counted from 1, as editors do; where an error about the row is shown
 * @param promptIds at least one token
 * @param chosenIds the preferred completion, at least one token
 * @param rejectedIds the other, at least one token
 */
public record PairRow(int line, int[] promptIds, int[] chosenIds, int[] rejectedIds) {}
