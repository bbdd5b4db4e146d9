package org.openstrawberry.activities.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.openstrawberry.activities.policy.Checkpoints;
import org.openstrawberry.activities.policy.StepChain;
import org.openstrawberry.activities.runtime.RunListener;
import org.openstrawberry.activities.store.ArtifactStore;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.EventLog;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.MetricsLog;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.activities.store.TensorBoardLog;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.RunResult;
import org.openstrawberry.workflows.TrainingState;
import org.openstrawberry.workflows.steps.RunActivities;
import org.openstrawberry.workflows.steps.RunRef;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps the run's log in its directory, and reads from it where the run stands. */
public final class RunSteps implements RunActivities {
    private static final Logger log = LoggerFactory.getLogger(RunSteps.class);

    private final Runs runs;
    private final Optional<String> server;
    private final RunListener listener;
    private final Consumer<Path> ended;
    private final Map<Path, TensorBoardLog> tensorBoards = new ConcurrentHashMap<>();

    /**
     * @param server the Temporal server that the worker serves; empty where it is in this process
     * @param listener told of each run, and must not throw
     * @param ended told of the directory of each run that has ended, its result being written; must not throw
     */
    public RunSteps(Runs runs, Optional<String> server, RunListener listener, Consumer<Path> ended) {
        this.runs = runs;
        this.server = server;
        this.listener = listener;
        this.ended = ended;
    }

    @Override
    public TrainingState open(RunRef ref, RunSpec spec) {
        RunSetup.prepareOnce(spec, Path.of(ref.directory()));
        server.ifPresent(address -> RunSetup.claim(Path.of(ref.directory()), address, ref.id()));
        Run run = runs.open(ref);
        noLongerOver(run);
        List<IterationRecord> done = unbroken(run.store());
        Checkpoints checkpoints = new Checkpoints(run.directory());
        int last = done.isEmpty() ? 0 : done.size() - 1;
        // The next thoughts may be by the policy before the last step: what is there must lead to that one too.
        int ahead = run.spec().sampling().ahead();
        Optional<Integer> checkpoint = checkpoints.newestWhole(Math.max(0, last - ahead));
        int standing = replayable(run.store(), checkpoints, done, ahead);
        Fork.lineage(run.directory())
                .filter(fork -> checkpoint.isEmpty() || standing < fork.iteration())
                .ifPresent(fork -> {
                    // Done again here, those iterations would be none of the parent's.
                    throw new InvalidInputException(run.directory() + ": damaged; what is whole leads to iteration "
                            + (checkpoint.isEmpty() ? "none" : standing) + ", expected at least " + fork.iteration()
                            + ", where it was forked; fork " + fork.parent() + " again");
                });
        new MetricsLog(run.directory())
                .mend(done.stream()
                        .limit(standing + 1L)
                        .map(IterationRecord::metrics)
                        .toList());
        show(() -> mendTensorBoard(run, done.subList(0, Math.min(standing + 1, done.size()))));
        TrainingState state =
                done.isEmpty() ? TrainingState.fresh() : done.get(standing).state();
        new EventLog(run.directory()).opened(state.iteration());
        listener.opened(ref);
        return adjusted(run, state)
                .withWarmUpSteps(checkpoints.warmUpSteps(
                        run.spec().warmup().map(warmup -> warmup.steps()).orElse(0)));
    }

    /** A finished run that is extended lives again. */
    private static void noLongerOver(Run run) {
        try {
            Files.deleteIfExists(run.store().resolve(RunLayout.RESULT));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void adjust(RunRef ref, int iteration, Map<String, Object> changes) {
        ArtifactStore store = runs.open(ref).store();
        store.once(RunLayout.adjusted(iteration), Json.object(new Adjusted(changes)));
    }

    /** The content of {@code adjusted.json}. */
    record Adjusted(Map<String, Object> changes) {}

    /**
     * Steps of the next iteration may be done already, under settings that changed at its beginning. But where sampling runs
     * ahead, its thoughts are sampled by the settings before.
     */
    private static TrainingState adjusted(Run run, TrainingState state) {
        String next = RunLayout.adjusted(state.iteration() + 1);
        if (run.store().find(next).isEmpty()) {
            return state;
        }
        Map<String, Object> changes =
                Json.read(run.store().resolve(next), Adjusted.class).changes();
        boolean ahead = run.spec().sampling().ahead() > 0;
        Map<Boolean, Map<String, Object>> later = changes.entrySet().stream()
                .collect(Collectors.partitioningBy(
                        change -> ahead && change.getKey().startsWith("sampling."),
                        Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue)));
        return state.adjusting(Objects.requireNonNull(later.get(false)))
                .expecting(Objects.requireNonNull(later.get(true)));
    }

    @Override
    public void record(RunRef ref, IterationMetrics metrics, TrainingState state) {
        Run run = runs.open(ref);
        String path = RunLayout.iterationRecord(metrics.iteration());
        run.store().once(path, Json.object(new IterationRecord(metrics, state)));
        IterationMetrics recorded =
                Json.read(run.store().resolve(path), IterationRecord.class).metrics();
        new MetricsLog(run.directory()).append(recorded);
        listener.recorded(ref, recorded);
        show(() -> {
            if (!tensorBoard(run).append(event(run, recorded))) {
                // Another process wrote to it, or this one has just begun.
                List<IterationRecord> done = unbroken(run.store());
                mendTensorBoard(run, done.subList(0, Math.min(recorded.iteration() + 1, done.size())));
            }
        });
    }

    /** What is only looked at never fails a run. */
    private static void show(Runnable showing) {
        try {
            showing.run();
        } catch (RuntimeException e) {
            log.warn("metrics are not shown", e);
        }
    }

    private TensorBoardLog tensorBoard(Run run) {
        return tensorBoards.computeIfAbsent(run.directory(), TensorBoardLog::new);
    }

    private void mendTensorBoard(Run run, List<IterationRecord> done) {
        tensorBoard(run)
                .mend(done.stream().map(record -> event(run, record.metrics())).toList());
    }

    /** As of when the iteration was recorded, so that a file that is written anew says the same. */
    private static TensorBoardLog.Event event(Run run, IterationMetrics row) {
        Path record = run.store().resolve(RunLayout.iterationRecord(row.iteration()));
        try {
            return new TensorBoardLog.Event(
                    row, Files.getLastModifiedTime(record).toMillis() / 1000.0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void finish(RunRef ref, RunResult result) {
        Path file = runs.open(ref).store().resolve(RunLayout.RESULT);
        try {
            DurableFiles.replace(file, temporary -> Files.writeString(temporary, Json.line(result) + "\n"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        ended.accept(runs.open(ref).directory());
        listener.finished(ref);
    }

    /** The records of iterations 0, 1, 2, … up to the first that is missing or damaged. */
    private static List<IterationRecord> unbroken(ArtifactStore store) {
        List<IterationRecord> done = new ArrayList<>();
        while (true) {
            String path = RunLayout.iterationRecord(done.size());
            if (store.find(path).isEmpty()) {
                return done;
            }
            done.add(Json.read(store.resolve(path), IterationRecord.class));
        }
    }

    /** The last iteration from whose end the run can go on: by a checkpoint and the whole steps after it. */
    private static int replayable(ArtifactStore store, Checkpoints checkpoints, List<IterationRecord> done, int ahead) {
        int last = Math.max(0, done.size() - 1);
        while (last > 0
                && !(StepChain.isWhole(
                                store,
                                checkpoints,
                                done.get(last).state().parent().orElse(last))
                        && StepChain.isWhole(store, checkpoints, Math.max(0, last - ahead)))) {
            last--;
        }
        return last;
    }
}
