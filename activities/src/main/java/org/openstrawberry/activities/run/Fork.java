package org.openstrawberry.activities.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.openstrawberry.activities.policy.Checkpoints;
import org.openstrawberry.activities.policy.StepChain;
import org.openstrawberry.activities.policy.StepFile;
import org.openstrawberry.activities.store.ArtifactStore;
import org.openstrawberry.activities.store.DamagedArtifactException;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.activities.store.RunLock;
import org.openstrawberry.config.Adjustment;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunFile.Difference;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.TrainingState;
import org.openstrawberry.workflows.TrainingState.HeldOut;

/**
 * A new run from an iteration of another. It shares the other's artifacts up to there, by hard links where the file system
 * allows them; the other one is only read, may be running, and may be deleted afterwards.
 */
public final class Fork {
    /**
     * What the taken artifacts depend on: checkpoint 0 comes from these, the logged steps are taken again on them, and
     * the optimiser's memory is of its kind.
     */
    private static final List<String> FIXED = List.of("model", "warmup", "optimizer.kind");

    /** A running parent may drop a checkpoint while it is being taken; the next choice then is another one. */
    private static final int ATTEMPTS = 3;

    private final Run parent;
    private final int iteration;
    private final TrainingState state;

    private Fork(Run parent, int iteration, TrainingState state) {
        this.parent = parent;
        this.iteration = iteration;
        this.state = state;
    }

    /**
     * The content of {@code fork.json}.
     *
     * @param parent run directory
     * @param id of the parent
     * @param iteration the last one that was taken
     * @param changes settings that are not what the parent went by after that iteration
     * @param files SHA-256 of what was taken, by its path in the run directory
     */
    public record Lineage(
            String parent, String id, int iteration, List<RunSetup.Change> changes, Map<String, String> files) {}

    /** Where a run was forked from; empty for one that was not. */
    public static Optional<Lineage> lineage(Path directory) {
        Path file = directory.resolve(RunLayout.FORK);
        return Files.exists(file) ? Optional.of(Json.read(file, Lineage.class)) : Optional.empty();
    }

    /**
     * A fork of a run after one of its iterations; nothing is written yet.
     *
     * @param parent its run directory
     * @param iteration 0 for the state after the warm-up
     * @throws InvalidInputException if it is no run directory, or the iteration is not done
     */
    public static Fork of(Path parent, int iteration) {
        Path directory = parent.toAbsolutePath().normalize();
        Path runFile = directory.resolve(RunLayout.RUN_FILE);
        if (!Files.exists(runFile)) {
            throw new InvalidInputException(parent + ": not a run directory, it has no " + RunLayout.RUN_FILE);
        }
        if (!Files.exists(directory.resolve(RunLayout.iterationRecord(0)))) {
            throw new InvalidInputException(parent + ": no iteration is done, not even iteration 0, the warm-up's end");
        }
        int done = RunSetup.lastRecorded(directory);
        if (iteration < 0 || iteration > done) {
            throw new InvalidInputException("--at-iteration: found " + iteration + ", expected 0 to " + done
                    + ", the iterations that " + parent + " has done");
        }
        try {
            RunSetup.checkUndamaged(directory, runFile);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Run run = new Run(directory);
        String path = RunLayout.iterationRecord(iteration);
        require(run.store(), path);
        return new Fork(
                run,
                iteration,
                Json.read(run.store().resolve(path), IterationRecord.class).state());
    }

    /**
     * Makes the run directory of the fork, whole or not at all.
     *
     * @param target must not exist
     * @param id the parent's, for the record
     * @param sets changed settings, of the form {@code KEY=VALUE}; the others are those that the parent went by after the
     *     iteration
     * @return the fork's settings
     * @throws InvalidInputException naming the setting or file at fault, before anything is written
     */
    public RunSpec into(Path target, String id, List<String> sets) {
        if (Files.exists(target)) {
            throw new InvalidInputException(
                    target + ": exists already" + whatItIs(target) + "; expected a directory that the fork makes");
        }
        RunSpec before = state.adjusted().isEmpty() ? parent.spec() : Adjustment.apply(parent.spec(), state.adjusted());
        RunSpec after = RunFile.changed(before, "--set", sets);
        List<Difference> changes = RunFile.differences(after, before, parent.directory());
        changes.forEach(this::checkMayChange);
        if (after.until().iterations() < iteration) {
            throw new InvalidInputException("until.iterations: found "
                    + after.until().iterations() + ", expected at least " + iteration + ", the iteration of the fork");
        }
        if (after.sampling().ahead() > 0 && !follows(parent.store())) {
            throw new InvalidInputException(
                    "sampling.ahead: found " + after.sampling().ahead() + ", expected 0 in a fork at" + " iteration "
                            + iteration + ", around which the parent was rolled back");
        }
        RunSetup.check(after);
        for (int attempt = 1; ; attempt++) {
            try {
                make(target, id, after, changes);
                return RunFile.read(target.resolve(RunLayout.RUN_FILE), List.of());
            } catch (NoSuchFileException e) {
                if (attempt == ATTEMPTS) {
                    throw new InvalidInputException(e.getFile() + ": went away while it was being taken", e);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** Whether the fork's first steps go on from the iterations right before them. */
    private boolean follows(ArtifactStore store) {
        return state.parent().isEmpty() && (iteration == 0 || StepChain.parent(store, iteration) == iteration - 1);
    }

    private static String whatItIs(Path target) {
        return lineage(target)
                .map(fork -> ", as the fork of " + fork.parent() + " at iteration " + fork.iteration()
                        + ", which ./strawberry train or start " + target.resolve(RunLayout.RUN_FILE) + " --run-dir "
                        + target + " goes on with")
                .orElse("");
    }

    private void checkMayChange(Difference change) {
        if (FIXED.stream().anyMatch(fixed -> (change.key() + ".").startsWith(fixed + "."))) {
            throw new InvalidInputException(change.key() + ": can't change in a fork, since what it takes over depends"
                    + " on it: found " + change.here() + ", expected " + change.there());
        }
    }

    private void make(Path target, String id, RunSpec spec, List<Difference> changes) throws IOException {
        RunSetup.Inputs inputs = checkedInputs(spec);
        Map<String, String> taken = new LinkedHashMap<>(inputsWithin(spec, inputs));
        taken.putAll(checkpoints(spec.sampling().policyOf(iteration + 1)));
        taken.putAll(iterations());
        Path temporary = target.resolveSibling("." + target.getFileName() + ".fork.tmp");
        try (RunLock lock = RunLock.acquire(temporary)) {
            try {
                clear(temporary); // what a killed attempt left
                fill(temporary, id, spec, changes, inputs, taken);
                DurableFiles.publishPrepared(temporary, target);
            } finally {
                DurableFiles.deleteFolder(temporary);
            }
        }
    }

    private void fill(
            Path directory,
            String id,
            RunSpec spec,
            List<Difference> changes,
            RunSetup.Inputs inputs,
            Map<String, String> taken)
            throws IOException {
        for (Map.Entry<String, String> file : taken.entrySet()) {
            take(file.getKey(), file.getValue(), directory);
        }
        overrideAdjustments(changes, new ArtifactStore(directory));
        List<RunSetup.Change> changed = changes.stream()
                .map(change -> new RunSetup.Change(change.key(), change.there(), change.here()))
                .toList();
        Lineage lineage = new Lineage(parent.directory().toString(), id, iteration, changed, taken);
        DurableFiles.replace(
                directory.resolve(RunLayout.FORK), file -> Files.writeString(file, Json.line(lineage) + "\n"));
        RunSetup.writeInputs(inputs, directory);
        // Paths inside the parent are relative in this text, so that they lead to what was taken.
        RunSetup.writeRunFile(RunFile.toYaml(spec, parent.directory()), directory);
    }

    private RunSetup.Inputs checkedInputs(RunSpec spec) throws IOException {
        RunSetup.Inputs now = RunSetup.inputs(new Run(parent.directory(), spec), new InputChecks());
        Map<String, String> then = RunSetup.inputsAtStart(parent.directory()).files();
        now.files().forEach((file, hash) -> {
            if (!hash.equals(then.getOrDefault(file, hash))) {
                throw new InvalidInputException(file + ": has changed since the run in " + parent.directory()
                        + " was started (SHA-256 " + hash + ", expected " + then.get(file) + ")");
            }
        });
        return now;
    }

    /** Data and model that lie in the parent's directory, the model's folder with all that is in it. */
    private Map<String, String> inputsWithin(RunSpec spec, RunSetup.Inputs inputs) throws IOException {
        Map<String, String> within = new LinkedHashMap<>();
        inputs.files().forEach((file, hash) -> {
            if (!Path.of(file).isAbsolute()) {
                within.put(file, hash);
            }
        });
        Path model = Path.of(spec.model().policy());
        if (model.startsWith(parent.directory())) {
            for (Path file : DurableFiles.list(model)) {
                String name = parent.directory().relativize(file).toString();
                if (Files.isRegularFile(file) && !within.containsKey(name)) {
                    within.put(name, Hashes.sha256(file));
                }
            }
        }
        return within;
    }

    /**
     * The first, the best and the newest.
     *
     * @param sampler the iteration whose policy samples first in the fork
     */
    private Map<String, String> checkpoints(int sampler) throws IOException {
        Checkpoints there = new Checkpoints(parent.directory());
        Map<String, String> files = new LinkedHashMap<>(there.files(0));
        if (files.isEmpty()) {
            throw new InvalidInputException(parent.directory().resolve(RunLayout.checkpoint(0))
                    + ": missing or damaged, expected the checkpoint after the warm-up");
        }
        files.putAll(there.files(state.heldOut().map(HeldOut::bestIteration).orElse(0)));
        files.putAll(there.files(there.newestWhole(sampler).orElse(0)));
        files.putAll(there.files(there.newestWhole(iteration).orElse(0)));
        return files;
    }

    /** What is there of each iteration; at least what it takes to take its step again. */
    private Map<String, String> iterations() throws IOException {
        ArtifactStore store = parent.store();
        Map<String, String> files = new LinkedHashMap<>();
        for (int number = 0; number <= iteration; number++) {
            for (String path : store.artifacts(RunLayout.iteration(number))) {
                files.put(path, require(store, path));
                files.put(path + ArtifactStore.HASH, Hashes.sha256(store.resolve(path + ArtifactStore.HASH)));
            }
            require(store, RunLayout.iterationRecord(number));
            if (number > 0) {
                String pairs = require(store, RunLayout.pairs(number));
                require(store, RunLayout.step(number));
                Path step = store.resolve(RunLayout.step(number));
                String expected = Json.read(step, StepFile.class).pairsSha256();
                if (!expected.equals(pairs)) {
                    throw new InvalidInputException(store.resolve(RunLayout.pairs(number)) + ": SHA-256 is " + pairs
                            + ", expected " + expected + " by " + step);
                }
            }
        }
        return files;
    }

    private static String require(ArtifactStore store, String path) {
        try {
            return store.require(path).sha256();
        } catch (DamagedArtifactException e) {
            throw new InvalidInputException(String.valueOf(e.getMessage()), e);
        }
    }

    private void take(String path, String sha256, Path directory) throws IOException {
        Path name = directory.resolve(path);
        DurableFiles.share(parent.directory().resolve(path), name);
        String found = Hashes.sha256(name);
        if (!found.equals(sha256)) {
            throw new InvalidInputException(parent.directory().resolve(path) + ": changed while it was being taken"
                    + " (SHA-256 " + found + ", expected " + sha256 + ")");
        }
    }

    /** The state after the iteration says what was adjusted in the parent; what the fork sets is adjusted once more. */
    private void overrideAdjustments(List<Difference> changes, ArtifactStore store) {
        Map<String, Object> overridden = new TreeMap<>();
        changes.stream()
                .filter(change -> state.adjusted().containsKey(change.key()))
                .forEach(change -> overridden.put(change.key(), Json.parse(change.here(), Object.class)));
        if (!overridden.isEmpty()) {
            store.publish(RunLayout.adjusted(iteration + 1), Json.object(new RunSteps.Adjusted(overridden)));
        }
    }

    private static void clear(Path folder) throws IOException {
        for (Path left : DurableFiles.list(folder)) {
            if (!left.endsWith(RunLayout.LOCK)) {
                DurableFiles.deleteFolder(left);
            }
        }
    }
}
