package org.openstrawberry.activities.policy;

import java.util.Map;
import java.util.Optional;

/**
 * The content of a checkpoint's {@code state.json}.
 *
 * @param iteration whose end it holds; 0 in the warm-up
 * @param warmUpStep supervised steps taken
 * @param warmUpLoss of the last of them, where it is a checkpoint of the warm-up
 * @param optimizerSteps updates so far
 * @param reference where the reference is: {@code policy} (equal to it), {@code first} (the policy of checkpoint 0),
 *     {@code file} (its own file) or {@code none}
 * @param refreshedAt the iteration of the last refresh; 0 before the first
 * @param files SHA-256 by file name
 */
record CheckpointInfo(
        int iteration,
        int warmUpStep,
        Optional<Double> warmUpLoss,
        long optimizerSteps,
        String reference,
        int refreshedAt,
        Map<String, String> files) {
    static final String SAME_AS_POLICY = "policy";
    static final String FIRST = "first";
    static final String OWN_FILE = "file";
    static final String NONE = "none";
}
