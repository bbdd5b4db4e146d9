package org.openstrawberry.workflows.steps;

import java.util.Map;
import java.util.Optional;

/**
 * The preference pairs of an iteration.
 *
 * @param artifact {@code iterations/NNNNNN/pairs.jsonl}
 * @param formed pairs to train on
 * @param tied pairs not formed because the rewards are equal
 * @param identical pairs not formed because both completions are the same
 * @param skippedPrompts prompts of which too few branches were scored
 * @param duplicates branches left out because an earlier one has the same completion
 * @param belowMargin pairs not formed because the rewards are too near to each other
 * @param overLimit pairs formed, but beyond the most that an iteration trains on
 * @param found metrics of the thoughts and scores that were ranked: {@code thoughts/distinct} and
 *     {@code objective/scores_std}; empty in what was written before they were measured
 */
public record Pairs(
        int iteration,
        ArtifactRef artifact,
        int formed,
        int tied,
        int identical,
        int skippedPrompts,
        int duplicates,
        int belowMargin,
        int overLimit,
        Optional<Map<String, Double>> found) {}
