package org.openstrawberry.worker;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.openstrawberry.activities.run.Verification;
import org.openstrawberry.activities.store.DamagedArtifactException;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.worker.report.Report;

/**
 * A run in one ZIP file: what it takes to train it again, what came out, and the record of how. The same run gives the same
 * bytes.
 */
final class RunArchive {
    /** Any: entries have a time, and the same run is to give the same bytes. */
    private static final LocalDateTime TIME = LocalDateTime.of(2026, 1, 1, 0, 0);

    /** Stands for the archive's own folder while paths are written relative to it. */
    private static final Path ROOT = Path.of("/strawberry-archive").toAbsolutePath();

    /** Of each iteration, what its step can be taken again with, and what it was measured by. */
    private static final String RECORDED =
            "(pairs\\.jsonl|step\\.json|adjusted\\.json|reference\\.json|iteration\\.json|evaluation\\.jsonl)(\\.sha256)?";

    private static final List<String> RECORDS = List.of(
            RunLayout.RUN_FILE,
            RunLayout.RUN_FILE_HASH,
            RunLayout.INPUTS,
            RunLayout.DATA,
            RunLayout.CHANGES,
            RunLayout.EVENTS,
            RunLayout.FORK,
            RunLayout.METRICS,
            RunLayout.RESULT);

    private final Path run;
    private final RunSpec spec;
    /** Files by their place in the archive. */
    private final Map<String, Path> files = new TreeMap<>();

    private RunArchive(Path run) {
        this.run = run;
        spec = RunFile.read(run.resolve(RunLayout.RUN_FILE), List.of());
    }

    /**
     * Packs a run that is over.
     *
     * @throws InvalidInputException if it is no run directory, or the run has no policy yet
     * @throws DamagedArtifactException if a file is not as recorded
     */
    static void pack(Path directory, Path target) {
        boolean over = Files.exists(directory.resolve(RunLayout.RESULT))
                && Files.isDirectory(directory.resolve(RunLayout.POLICY));
        if (Files.exists(directory.resolve(RunLayout.RUN_FILE)) && !over) {
            throw new InvalidInputException(directory + ": the run has no policy yet; expected one that is over");
        }
        Verification verified = Verification.of(directory);
        if (!verified.isWhole()) {
            throw new DamagedArtifactException(verified.faults().get(0));
        }
        try {
            new RunArchive(directory.toAbsolutePath().normalize()).write(target);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void write(Path target) throws IOException {
        String runFile = RunFile.toYaml(withInputs(), ROOT);
        addFolder("policy", run.resolve(RunLayout.POLICY));
        for (String record : RECORDS) {
            addIfThere("record/" + record, run.resolve(record));
        }
        for (Path iteration : DurableFiles.list(run.resolve(RunLayout.ITERATIONS))) {
            for (Path file : DurableFiles.list(iteration)) {
                if (file.getFileName().toString().matches(RECORDED)) {
                    files.put("record/" + run.relativize(file), file);
                }
            }
        }
        addIfThere(RunLayout.REPORT, run.resolve(RunLayout.REPORT));
        String card = Report.card(run);
        DurableFiles.replace(target, temporary -> {
            try (OutputStream out = Files.newOutputStream(temporary);
                    ZipOutputStream zip = new ZipOutputStream(out, StandardCharsets.UTF_8)) {
                Map<String, String> sums = new TreeMap<>();
                put(zip, "README.md", card.getBytes(StandardCharsets.UTF_8), sums);
                put(zip, RunLayout.RUN_FILE, runFile.getBytes(StandardCharsets.UTF_8), sums);
                for (Map.Entry<String, Path> file : files.entrySet()) {
                    begin(zip, file.getKey());
                    MessageDigest digest = Hashes.newSha256();
                    Files.copy(file.getValue(), new DigestOutputStream(zip, digest));
                    zip.closeEntry();
                    sums.put(file.getKey(), HexFormat.of().formatHex(digest.digest()));
                }
                StringBuilder lines = new StringBuilder();
                sums.forEach((name, sum) ->
                        lines.append(sum).append("  ").append(name).append('\n'));
                put(zip, "SHA256SUMS", lines.toString().getBytes(StandardCharsets.UTF_8), sums);
            }
        });
    }

    /** The settings with the paths of data and models in the archive. A reward's own program stays where it is. */
    private RunSpec withInputs() throws IOException {
        List<String> sets = new ArrayList<>();
        for (Map.Entry<String, Path> input : RunFile.paths(spec).entrySet()) {
            String key = input.getKey();
            Path path = input.getValue();
            if (key.endsWith("command.directory") || !Files.exists(path)) {
                continue;
            }
            String name = "inputs/" + key.replace('.', '-');
            if (Files.isDirectory(path)) {
                addFolder(name, path);
            } else {
                name = name + "/" + path.getFileName();
                files.put(name, path);
            }
            sets.add(key + "=" + ROOT.resolve(name));
        }
        return RunFile.changed(spec, "export", sets);
    }

    private void addFolder(String name, Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            all.filter(Files::isRegularFile)
                    .forEach(file -> files.put(
                            name + "/" + folder.relativize(file).toString().replace('\\', '/'), file));
        }
    }

    private void addIfThere(String name, Path file) {
        if (Files.isRegularFile(file)) {
            files.put(name, file);
        }
    }

    private void put(ZipOutputStream zip, String name, byte[] content, Map<String, String> sums) throws IOException {
        begin(zip, name);
        zip.write(content);
        zip.closeEntry();
        sums.put(name, HexFormat.of().formatHex(Hashes.newSha256().digest(content)));
    }

    private void begin(ZipOutputStream zip, String name) throws IOException {
        ZipEntry entry = new ZipEntry(spec.name() + "/" + name);
        entry.setTimeLocal(TIME);
        zip.putNextEntry(entry);
    }
}
