package org.openstrawberry.activities.run;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.IntSupplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.openstrawberry.activities.data.PromptData;
import org.openstrawberry.activities.policy.Adapters;
import org.openstrawberry.activities.rewards.Verifiers;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.ClassifierSpec;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.LoraSpec;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunFile.Difference;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.workflows.Convergence;
import org.openstrawberry.workflows.RunResult;

/** Checks what a run is started with, before any work, and writes it into the run directory. */
public final class RunSetup {
    /** What may change: a finished run can be extended, and one that was found unhealthy can be judged otherwise. */
    private static final Pattern CHANGEABLE = Pattern.compile("until\\.iterations|health(\\..*)?");

    private RunSetup() {}

    /** How the inputs looked at the start: SHA-256 by path. */
    record Inputs(@JsonProperty(required = true) Map<String, String> files) {}

    /** A setting that is not what it was, values as JSON. */
    public record Change(String key, String from, String to) {}

    /**
     * Checks the inputs and makes the directory a run directory of these settings; or, where it is one already, checks
     * that settings and inputs are the same. The caller holds the run's lock.
     *
     * @throws InvalidInputException naming what is wrong
     */
    public static void prepare(RunSpec spec, Path directory) {
        prepare(spec, directory, new InputChecks());
    }

    /** The same for one of many runs, with what is known of the inputs of those before it. */
    public static void prepare(RunSpec spec, Path directory, InputChecks checks) {
        Run run = new Run(directory, spec);
        PromptData.Report report = checks.report(spec, () -> {
            checkInputs(run);
            return run.dataReport();
        });
        Path runFile = directory.resolve(RunLayout.RUN_FILE);
        try {
            Inputs inputs = inputs(run, checks);
            if (Files.exists(runFile)) {
                checkUndamaged(directory, runFile);
                List<Difference> changes = checkSame(spec, directory, runFile);
                checkSameInputs(directory, inputs);
                run.store().sweep();
                recordChanges(directory, changes);
            } else {
                writeInputs(inputs, directory);
            }
            replace(directory.resolve(RunLayout.DATA), Json.line(report) + "\n");
            writeRunFile(RunFile.toYaml(spec, directory), directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Checks the inputs of a run that has no directory yet.
     *
     * @return the run, of which nothing is stored
     * @throws InvalidInputException naming what is wrong
     */
    public static Run check(RunSpec spec) {
        Run run = new Run(Path.of(""), spec);
        checkInputs(run);
        return run;
    }

    static void writeRunFile(String text, Path directory) throws IOException {
        Path runFile = directory.resolve(RunLayout.RUN_FILE);
        if (!Files.exists(runFile) || !Files.readString(runFile).equals(text)) {
            Files.deleteIfExists(directory.resolve(RunLayout.RUN_FILE_HASH));
            replace(runFile, text);
        }
        replace(directory.resolve(RunLayout.RUN_FILE_HASH), Hashes.sha256(runFile) + "  " + RunLayout.RUN_FILE + "\n");
    }

    static void writeInputs(Inputs inputs, Path directory) throws IOException {
        replace(directory.resolve(RunLayout.INPUTS), Json.line(inputs) + "\n");
    }

    /**
     * Prepares a directory that nobody has prepared, or whose run is to be extended; else checks that it is of the same
     * settings.
     *
     * @throws InvalidInputException as {@link #prepare}
     */
    static void prepareOnce(RunSpec spec, Path directory) {
        Path runFile = directory.resolve(RunLayout.RUN_FILE);
        if (!Files.exists(runFile) || !checkSame(spec, directory, runFile).isEmpty()) {
            prepare(spec, directory);
        }
    }

    /** The server that works on the directory, and the run's id there, if one does. */
    public static Optional<String> serverOf(Path directory) {
        Path file = directory.resolve(RunLayout.SERVER);
        try {
            return Files.exists(file) ? Optional.of(Files.readString(file).strip()) : Optional.empty();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Marks the directory as that of a run on a server, unless it is marked already.
     *
     * @param address of the server, in words
     */
    public static void claim(Path directory, String address, String id) {
        if (serverOf(directory).isEmpty()) {
            try {
                replace(directory.resolve(RunLayout.SERVER), address + " as " + id + "\n");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private static void replace(Path file, String text) throws IOException {
        if (!Files.exists(file) || !Files.readString(file).equals(text)) {
            DurableFiles.replace(file, temporary -> Files.writeString(temporary, text));
        }
    }

    static void checkUndamaged(Path directory, Path runFile) throws IOException {
        Path hash = directory.resolve(RunLayout.RUN_FILE_HASH);
        if (Files.exists(hash)) {
            String found = Hashes.sha256(runFile);
            if (!Files.readString(hash).startsWith(found)) {
                throw new InvalidInputException(
                        runFile + ": is damaged or was edited (SHA-256 " + found + "), expected what "
                                + hash.getFileName() + " says; settings change by --set or in your own run file");
            }
        }
    }

    private static void recordChanges(Path directory, List<Difference> changes) throws IOException {
        Path file = directory.resolve(RunLayout.CHANGES);
        String known = Files.exists(file) ? Files.readString(file) : "";
        StringBuilder lines = new StringBuilder(known);
        for (Difference change : changes) {
            String line = Json.line(new Change(change.key(), change.there(), change.here())) + "\n";
            if (!known.endsWith(line)) {
                lines.append(line);
            }
        }
        if (lines.length() > 0) {
            replace(file, lines.toString());
        }
    }

    /** How a run ended, if it did: its result is stored, the policy is what the result says, and no rule asks for more. */
    public static Optional<RunResult> finished(RunSpec spec, Path directory) {
        return result(directory)
                .filter(result -> record(directory, result.iteration())
                        .flatMap(record -> Convergence.reason(spec.until(), record.state()))
                        .isPresent());
    }

    /** How a run's last execution ended, if it did: its result is stored, and the policy is what the result says. */
    static Optional<RunResult> result(Path directory) {
        Path file = directory.resolve(RunLayout.RESULT);
        Path policy = directory.resolve(RunLayout.POLICY);
        if (!Files.exists(file) || !Files.exists(policy)) {
            return Optional.empty();
        }
        try {
            RunResult result = Json.read(file, RunResult.class);
            return ModelDirectory.weightsSha256(policy).equals(result.policySha256())
                    ? Optional.of(result)
                    : Optional.empty();
        } catch (UncheckedIOException e) {
            return Optional.empty(); // cut off by a crash: the run goes on and writes it again
        }
    }

    /** Metrics and state after an iteration, where they are stored and can be read. */
    static Optional<IterationRecord> record(Path directory, int iteration) {
        Path file = directory.resolve(RunLayout.iterationRecord(iteration));
        try {
            return Files.exists(file) ? Optional.of(Json.read(file, IterationRecord.class)) : Optional.empty();
        } catch (UncheckedIOException e) {
            return Optional.empty(); // cut off by a crash: the run goes on and writes it again
        }
    }

    private static void checkInputs(Run run) {
        RunSpec spec = run.spec();
        Verifiers.checkSchemas(spec.reward());
        spec.evaluation().reward().ifPresent(Verifiers::checkSchemas);
        List<PromptRow> prompts = run.prompts();
        Path promptFile = Path.of(spec.data().prompts());
        run.warmup();
        Adapters.check(run);
        int positions = run.base().config().maxPositionEmbeddings();
        int room = positions - spec.sampling().maxNewTokens();
        if (room < 1) {
            throw new InvalidInputException("sampling.max-new-tokens: found "
                    + spec.sampling().maxNewTokens() + ", expected less than " + positions
                    + ", the max_position_embeddings of the model's config.json");
        }
        checkLengths(run, promptFile, prompts, room);
        checkLengths(run, spec.data().heldOut().map(Path::of).orElse(promptFile), run.heldOut(), room);
        spec.warmup().ifPresent(warmup -> checkWarmUp(run, Path.of(warmup.data()), positions));
    }

    private static void checkLengths(Run run, Path file, List<PromptRow> rows, int room) {
        refuseFirst(rows, row -> lengthProblem(row.place(file), () -> run.promptIds(row).length, room, "the prompt"));
    }

    private static void checkWarmUp(Run run, Path file, int positions) {
        refuseFirst(
                run.warmup(),
                row -> lengthProblem(
                        file + ":" + row.line(),
                        () -> run.tokenizer().encode(row.prompt()).length
                                + run.tokenizer().encodeWithout(row.completion()).length
                                + 1,
                        positions,
                        "prompt, completion and end-of-sequence"));
    }

    /** Looks at all rows on all cores: of large files, tokens take the longest of all checks. */
    private static <R> void refuseFirst(List<R> rows, Function<R, Optional<InvalidInputException>> problem) {
        rows.parallelStream().map(problem).flatMap(Optional::stream).findFirst().ifPresent(first -> {
            throw first;
        });
    }

    private static Optional<InvalidInputException> lengthProblem(
            String place, IntSupplier tokens, int room, String what) {
        int found;
        try {
            found = tokens.getAsInt();
        } catch (InvalidInputException e) {
            return Optional.of(new InvalidInputException(place + ": " + e.getMessage(), e));
        }
        return found <= room
                ? Optional.empty()
                : Optional.of(new InvalidInputException(place + ": found " + found + " tokens in " + what
                        + ", expected at most " + room
                        + " by max_position_embeddings of the model and sampling.max-new-tokens"));
    }

    private static List<Difference> checkSame(RunSpec spec, Path directory, Path runFile) {
        List<Difference> differences = RunFile.differences(spec, RunFile.read(runFile, List.of()), directory);
        List<String> refused = differences.stream()
                .filter(difference -> !CHANGEABLE.matcher(difference.key()).matches())
                .map(difference -> difference.key() + ": here " + difference.here() + ", there " + difference.there())
                .toList();
        if (!refused.isEmpty()) {
            throw new InvalidInputException(directory + ": is the run directory of another configuration ("
                    + String.join("; ", refused) + "); expected the same, or another --run-dir");
        }
        int done = lastRecorded(directory);
        if (!differences.isEmpty() && spec.until().iterations() < done) {
            throw new InvalidInputException(
                    "until.iterations: found " + spec.until().iterations() + ", expected at least " + done
                            + ", the iterations that the run in " + directory + " has done");
        }
        return differences;
    }

    static int lastRecorded(Path directory) {
        int iteration = 0;
        while (Files.exists(directory.resolve(RunLayout.iterationRecord(iteration + 1)))) {
            iteration++;
        }
        return iteration;
    }

    static Inputs inputsAtStart(Path directory) {
        Path file = directory.resolve(RunLayout.INPUTS);
        try {
            return Json.read(file, Inputs.class);
        } catch (UncheckedIOException | IllegalArgumentException e) {
            throw new InvalidInputException(
                    file + ": missing or damaged, expected the hashes of the run's data and model files", e);
        }
    }

    private static void checkSameInputs(Path directory, Inputs now) {
        Inputs then = inputsAtStart(directory);
        now.files().forEach((path, hash) -> {
            if (!hash.equals(then.files().get(path))) {
                throw new InvalidInputException(
                        path + ": has changed since the run in " + directory + " was started (SHA-256 " + hash
                                + ", expected " + then.files().get(path) + ")");
            }
        });
    }

    /** By the file's place in the run directory where it lies there, else by its absolute path. */
    static Inputs inputs(Run run, InputChecks checks) throws IOException {
        RunSpec spec = run.spec();
        Map<String, String> hashes = new LinkedHashMap<>();
        List<Path> files = new ArrayList<>();
        files.add(Path.of(spec.data().prompts()));
        spec.data().heldOut().map(Path::of).ifPresent(files::add);
        spec.warmup().map(warmup -> Path.of(warmup.data())).ifPresent(files::add);
        List<String> models = new ArrayList<>(List.of(spec.model().policy()));
        spec.model().lora().flatMap(LoraSpec::from).ifPresent(models::add);
        Stream.concat(Stream.of(spec.reward()), spec.evaluation().reward().stream())
                .forEach(reward -> reward.each(kind -> {
                    if (kind instanceof ClassifierSpec classifier) {
                        models.add(classifier.model());
                    }
                }));
        for (String directory : models) {
            try (Stream<Path> model = Files.list(Path.of(directory))) {
                model.filter(path -> path.toString().matches(".*\\.(json|safetensors)"))
                        .sorted()
                        .forEach(files::add);
            } catch (NoSuchFileException e) {
                throw new InvalidInputException(directory + ": no such directory", e);
            }
        }
        Path root = run.directory().toAbsolutePath();
        for (Path file : files) {
            Path absolute = file.toAbsolutePath();
            String name = absolute.startsWith(root) ? root.relativize(absolute).toString() : absolute.toString();
            hashes.put(name, checks.sha256(absolute));
        }
        return new Inputs(hashes);
    }
}
