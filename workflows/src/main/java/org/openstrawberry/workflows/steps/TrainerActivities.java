package org.openstrawberry.workflows.steps;

import io.temporal.activity.ActivityInterface;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.config.DpoSpec;
import org.openstrawberry.config.OptimizerSpec;
import org.openstrawberry.config.ReferenceSpec;

/** Whatever changes the policy or stores it: the warm-up, steps 7 to 12, checkpoints and the export. */
@ActivityInterface
public interface TrainerActivities {
    /**
     * Runs the next supervised steps of the warm-up, up to the next warm-up checkpoint, and publishes that checkpoint.
     *
     * @param step steps already taken
     */
    WarmUp warmUp(RunRef run, int step);

    /**
     * Publishes the checkpoint of iteration 0: the policy after the warm-up, a reference equal to it, a fresh
     * optimiser.
     */
    void initialize(RunRef run);

    /**
     * Steps 7 to 11: log-probs, loss, backward pass, optimiser. Takes the policy from the iteration before to this one
     * and writes {@code step.json}. Without pairs the policy stays as it is, and likewise where the gradient is not finite
     * and the run looks at its health.
     */
    Step dpoStep(StepRequest request);

    /** Step 12: brings the reference closer to the policy. Writes {@code reference.json}. */
    void refreshReference(RunRef run, int iteration, ReferenceSpec reference);

    /** Publishes the state after an iteration and drops checkpoints that nothing needs any more. */
    void checkpoint(RunRef run, int iteration, int bestIteration);

    /** Writes the policy after an iteration to {@code policy/}, a Hugging Face directory. */
    Export export(RunRef run, int iteration);

    /**
     * @param pairs what to learn from
     * @param totalIterations length of the learning rate's schedule
     * @param refresh the refresh that follows the step, if one is due
     * @param adjusted settings of the run changed since its start, for the record
     * @param parent the iteration whose state the step starts from, after a rollback; empty: the one before
     */
    record StepRequest(
            RunRef run,
            Pairs pairs,
            DpoSpec dpo,
            OptimizerSpec optimizer,
            int totalIterations,
            Optional<ReferenceSpec> refresh,
            Map<String, Object> adjusted,
            Optional<Integer> parent) {}

    /**
     * @param step steps taken so far
     * @param loss mean cross-entropy of the last of them, nats a token
     */
    record WarmUp(int step, double loss) {}

    /**
     * @param path relative to the run directory
     * @param sha256 of its {@code model.safetensors}, or of the hashes of its shards
     */
    record Export(String path, String sha256) {}
}
