package org.openstrawberry.activities.rewardmodel;

import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.openstrawberry.activities.runtime.RunListener;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.ModelInitializer;
import org.openstrawberry.workflows.steps.RewardTrainingActivities;
import org.openstrawberry.workflows.steps.RunRef;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Trains reward models and stores them. Each step that finds its output there returns it. */
public final class RewardTrainingSteps implements RewardTrainingActivities, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(RewardTrainingSteps.class);

    private final Tensors tensors;
    private final RunListener listener;
    private final Map<String, RewardTrainingRun> runs = new ConcurrentHashMap<>();
    /** By run directory; touched on the tensor thread only. */
    private final Map<Path, RewardTrainingState> states = new HashMap<>();

    /** @param listener told of each training's checkpoints, and must not throw */
    public RewardTrainingSteps(Tensors tensors, RunListener listener) {
        this.tensors = tensors;
        this.listener = listener;
    }

    @Override
    public Standing begin(RunRef ref) {
        RewardTrainingRun run = open(ref);
        RewardCheckpoints checkpoints = new RewardCheckpoints(run.directory());
        return told(ref, tensors.call(() -> {
            Path base = run.directory().resolve(RewardTrainingRun.BASE);
            if (!Files.isDirectory(base)) {
                try (NDManager memory = RewardTrainingState.newMemory(run)) {
                    ModelDirectory start =
                            ModelDirectory.openEither(Path.of(run.spec().base()));
                    DurableFiles.publishFolder(
                            base,
                            temporary -> ModelInitializer.initClassifier(
                                    start, run.spec().seed(), temporary, memory));
                }
            }
            return standing(run, checkpoints, checkpoints.newestWhole());
        }));
    }

    @Override
    public Standing advance(RunRef ref, int step) {
        RewardTrainingRun run = open(ref);
        RewardCheckpoints checkpoints = new RewardCheckpoints(run.directory());
        int end = Math.min(run.steps(), step + run.spec().checkpointEvery());
        // Asked on the tensor thread, so that a second attempt waits for a first that is still under way.
        return told(ref, tensors.call(() -> {
            if (checkpoints.info(end).isEmpty()) {
                states.put(run.directory(), advanced(at(run, checkpoints, step), end, checkpoints));
            }
            Standing standing = standing(run, checkpoints, end);
            log.info("reward model: step {} of {}, {}", end, run.steps(), standing.metrics());
            return standing;
        }));
    }

    private Standing told(RunRef ref, Standing standing) {
        listener.trained(ref, standing.step(), standing.steps(), standing.metrics());
        return standing;
    }

    @Override
    public Exported export(RunRef ref, int step) {
        RewardTrainingRun run = open(ref);
        RewardCheckpoints checkpoints = new RewardCheckpoints(run.directory());
        Path target = Path.of(run.spec().out());
        return tensors.call(() -> {
            try (RewardTrainingState state = at(run, checkpoints, step)) {
                DurableFiles.replaceFolder(target, state::export);
            }
            Exported exported = new Exported(
                    step,
                    run.steps(),
                    standing(run, checkpoints, step).metrics(),
                    target.toString(),
                    ModelDirectory.weightsSha256(target));
            RewardTrainingRun.replace(run.directory().resolve(RunLayout.RESULT), exported);
            runs.remove(ref.directory());
            return exported;
        });
    }

    private static RewardTrainingState advanced(RewardTrainingState state, int end, RewardCheckpoints checkpoints) {
        try {
            state.advance(end);
            state.save(checkpoints);
            return state;
        } catch (RuntimeException e) {
            state.close(); // it is of no checkpoint
            throw e;
        }
    }

    private RewardTrainingRun open(RunRef ref) {
        return runs.computeIfAbsent(ref.directory(), directory -> RewardTrainingRun.open(Path.of(directory)));
    }

    /** The state after so many steps; no longer held here, so that one that fails half way is not used again. */
    private RewardTrainingState at(RewardTrainingRun run, RewardCheckpoints checkpoints, int step) {
        RewardTrainingState held = states.remove(run.directory());
        if (held != null && held.step() == step) {
            return held;
        }
        if (held != null) {
            held.close();
        }
        return RewardTrainingState.load(run, checkpoints, step);
    }

    /** Also brings the run directory's {@code metrics.jsonl} to where the checkpoint is. */
    private static Standing standing(RewardTrainingRun run, RewardCheckpoints checkpoints, int step) {
        Map<String, Double> last = new LinkedHashMap<>();
        if (step > 0) {
            List<Map<String, Double>> rows = checkpoints.metrics(step);
            rows.forEach(row -> row.forEach((name, value) -> {
                if (name.startsWith("eval_")) {
                    last.put(name, value);
                    last.put("eval_step", row.getOrDefault("step", 0.0));
                }
            }));
            last.putAll(rows.get(rows.size() - 1));
            Path file = run.directory().resolve(RunLayout.METRICS);
            try {
                DurableFiles.replace(
                        file, temporary -> Files.copy(checkpoints.file(step, RewardCheckpoints.METRICS), temporary));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return new Standing(step, run.steps(), last);
    }

    @Override
    public void close() {
        tensors.call(() -> {
            states.values().forEach(RewardTrainingState::close);
            states.clear();
            return true;
        });
    }
}
