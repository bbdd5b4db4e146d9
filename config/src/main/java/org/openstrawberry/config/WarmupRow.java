package org.openstrawberry.config;

/**
 * A prompt and the completion to learn: one line of a warm-up file.
 *
 * @param row counted from 0, blank lines left out
 * @param line counted from 1, as editors do; where an error about the row is shown
 * @param prompt the text before
 * @param completion the text after, without an end-of-sequence token; may be empty
 */
public record WarmupRow(int row, int line, String prompt, String completion) {}
