package org.openstrawberry.activities.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.openstrawberry.activities.rewards.Verifiers;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunFile.Difference;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.Convergence;
import org.openstrawberry.workflows.RunResult;

/** Checks what a run is started with, before any work, and writes it into the run directory. */
public final class RunSetup {
    /** The one setting that may change: a finished run can be extended. */
    private static final String EXTENSIBLE = "until.iterations";

    private RunSetup() {}

    /** How the inputs looked at the start: SHA-256 by path. */
    record Inputs(Map<String, String> files) {}

    record Change(String key, String from, String to) {}

    /**
     * Checks the inputs and makes the directory a run directory of these settings; or, where it is one already, checks
     * that settings and inputs are the same. The caller holds the run's lock.
     *
     * @throws InvalidInputException naming what is wrong
     */
    public static void prepare(RunSpec spec, Path directory) {
        Run run = new Run(directory, spec);
        checkInputs(run);
        Path runFile = directory.resolve(RunLayout.RUN_FILE);
        try {
            Inputs inputs = new Inputs(hashes(run));
            if (Files.exists(runFile)) {
                List<Difference> changes = checkSame(spec, directory, runFile);
                checkSameInputs(directory, inputs);
                run.store().sweep();
                if (changes.isEmpty()) {
                    return;
                }
                for (Difference change : changes) {
                    Files.writeString(
                            directory.resolve(RunLayout.CHANGES),
                            Json.line(new Change(change.key(), change.there(), change.here())) + "\n",
                            StandardOpenOption.CREATE,
                            StandardOpenOption.APPEND);
                }
            } else {
                DurableFiles.replace(
                        directory.resolve(RunLayout.INPUTS),
                        temporary -> Files.writeString(temporary, Json.line(inputs) + "\n"));
            }
            DurableFiles.replace(runFile, temporary -> Files.writeString(temporary, RunFile.toYaml(spec, directory)));
            DurableFiles.replace(
                    directory.resolve(RunLayout.RUN_FILE_HASH),
                    temporary ->
                            Files.writeString(temporary, Hashes.sha256(runFile) + "  " + RunLayout.RUN_FILE + "\n"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** How a run ended, if it did: its result is stored, the policy is what the result says, and no rule asks for more. */
    public static Optional<RunResult> finished(RunSpec spec, Path directory) {
        Path file = directory.resolve(RunLayout.RESULT);
        Path policy = directory.resolve(RunLayout.POLICY).resolve("model.safetensors");
        if (!Files.exists(file) || !Files.exists(policy)) {
            return Optional.empty();
        }
        try {
            RunResult result = Json.read(file, RunResult.class);
            Path record = directory.resolve(RunLayout.iterationRecord(result.iteration()));
            return Hashes.sha256(policy).equals(result.policySha256())
                            && Convergence.reason(
                                            spec.until(),
                                            Json.read(record, IterationRecord.class)
                                                    .state())
                                    .isPresent()
                    ? Optional.of(result)
                    : Optional.empty();
        } catch (IOException | UncheckedIOException e) {
            return Optional.empty(); // cut off by a crash: the run goes on and writes it again
        }
    }

    private static void checkInputs(Run run) {
        RunSpec spec = run.spec();
        int longest = 0;
        PromptRow longestRow = null;
        List<PromptRow> prompts = run.prompts();
        Verifiers.check(spec.reward().verifier(), Path.of(spec.data().prompts()), prompts);
        spec.data()
                .heldOut()
                .ifPresent(file -> Verifiers.check(spec.reward().verifier(), Path.of(file), run.heldOut()));
        run.warmup();
        run.base();
        int room = run.base().config().maxPositionEmbeddings() - spec.sampling().maxNewTokens();
        for (PromptRow row : prompts) {
            int length = run.tokenizer().encode(row.prompt()).length;
            if (length > longest) {
                longest = length;
                longestRow = row;
            }
        }
        if (longest > room && longestRow != null) {
            throw new InvalidInputException(
                    spec.data().prompts() + ":" + longestRow.line() + ": the prompt has " + longest
                            + " tokens; expected at most " + room
                            + ", the model's positions less sampling.max-new-tokens");
        }
    }

    private static List<Difference> checkSame(RunSpec spec, Path directory, Path runFile) {
        List<Difference> differences = RunFile.differences(spec, RunFile.read(runFile, List.of()), directory);
        List<String> refused = differences.stream()
                .filter(difference -> !difference.key().equals(EXTENSIBLE))
                .map(difference -> difference.key() + ": here " + difference.here() + ", there " + difference.there())
                .toList();
        if (!refused.isEmpty()) {
            throw new InvalidInputException(directory + ": is the run directory of another configuration ("
                    + String.join("; ", refused) + "); expected the same, or another --run-dir");
        }
        return differences;
    }

    private static void checkSameInputs(Path directory, Inputs now) {
        Path file = directory.resolve(RunLayout.INPUTS);
        Inputs then = Json.read(file, Inputs.class);
        now.files().forEach((path, hash) -> {
            if (!hash.equals(then.files().get(path))) {
                throw new InvalidInputException(
                        path + ": has changed since the run in " + directory + " was started (SHA-256 " + hash
                                + ", expected " + then.files().get(path) + ")");
            }
        });
    }

    /** By the file's place in the run directory where it lies there, else by its absolute path. */
    private static Map<String, String> hashes(Run run) throws IOException {
        RunSpec spec = run.spec();
        Map<String, String> hashes = new LinkedHashMap<>();
        List<Path> files = new ArrayList<>();
        files.add(Path.of(spec.data().prompts()));
        spec.data().heldOut().map(Path::of).ifPresent(files::add);
        spec.warmup().map(warmup -> Path.of(warmup.data())).ifPresent(files::add);
        try (Stream<Path> model = Files.list(Path.of(spec.model().policy()))) {
            model.filter(path -> path.toString().matches(".*\\.(json|safetensors)"))
                    .sorted()
                    .forEach(files::add);
        }
        Path root = run.directory().toAbsolutePath();
        for (Path file : files) {
            Path absolute = file.toAbsolutePath();
            String name = absolute.startsWith(root) ? root.relativize(absolute).toString() : absolute.toString();
            hashes.put(name, Hashes.sha256(file));
        }
        return hashes;
    }
}
