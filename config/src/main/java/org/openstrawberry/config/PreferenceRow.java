package org.openstrawberry.config;

/**
 * A prompt and two completions of which one is preferred: one line of a preferences file.
 *
 * @param line counted from 1, as editors do; where an error about the row is shown
 * @param prompt the text before
 * @param chosen the preferred completion, without an end-of-sequence token
 * @param rejected the other one
 * @param margin by how much the score of the first is to be above the other's; 0 where the line says nothing
 */
public record PreferenceRow(int line, String prompt, String chosen, String rejected, double margin) {}
