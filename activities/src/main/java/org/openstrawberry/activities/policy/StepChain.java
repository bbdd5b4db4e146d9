package org.openstrawberry.activities.policy;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.store.ArtifactStore;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;

/**
 * Which state each step started from. As a rule it is that of the iteration before; after a rollback it is an earlier one's,
 * as the step's file says. Numbers only go up, so a parent's is always smaller.
 */
public final class StepChain {
    private StepChain() {}

    /** The iteration whose state an iteration's step started from; where no step is logged, the one before. */
    public static int parent(ArtifactStore store, int iteration) {
        String path = RunLayout.step(iteration);
        return store.find(path).isEmpty()
                ? iteration - 1
                : Json.read(store.resolve(path), Link.class).parent().orElse(iteration - 1);
    }

    /** What is looked at of a {@link StepFile}, the rest of which may be long. */
    private record Link(Optional<Integer> parent) {}

    /** Whether steps lead from the state after one iteration to that after another, or both are the same. */
    static boolean leads(Run run, int from, int to) {
        int at = to;
        while (at > from) {
            at = parent(run.store(), at);
        }
        return at == from;
    }

    /** The iterations whose steps lead from one state to another, first to last; the second must come from the first. */
    static List<Integer> between(Run run, int from, int to) {
        Deque<Integer> steps = new ArrayDeque<>();
        for (int at = to; at > from; at = parent(run.store(), at)) {
            steps.addFirst(at);
        }
        return List.copyOf(steps);
    }

    /** The newest iteration with a whole checkpoint that a state comes from. */
    static Optional<Integer> newestWhole(Run run, Checkpoints checkpoints, int iteration) {
        for (int at = iteration; at >= 0; at = parent(run.store(), at)) {
            if (checkpoints.info(RunLayout.checkpoint(at)).isPresent()) {
                return Optional.of(at);
            }
        }
        return Optional.empty();
    }

    /**
     * Whether the state after an iteration can be had: from a whole checkpoint by steps that are whole, each with its pairs.
     * Without any checkpoint at all it is taken to be at iteration 0, which is made again.
     */
    public static boolean isWhole(ArtifactStore store, Checkpoints checkpoints, int iteration) {
        for (int at = iteration; at > 0; at = parent(store, at)) {
            if (checkpoints.info(RunLayout.checkpoint(at)).isPresent()) {
                return true;
            }
            if (!store.isWhole(RunLayout.step(at)) || !store.isWhole(RunLayout.pairs(at))) {
                return false;
            }
        }
        return true;
    }
}
