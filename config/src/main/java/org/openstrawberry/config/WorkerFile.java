package org.openstrawberry.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Worker files: the YAML of a {@link WorkerSpec}, laid over the defaults ({@code worker-defaults.yaml} beside this class). */
public final class WorkerFile {

    private WorkerFile() {}

    /** What a worker goes by that nobody has tuned. */
    public static WorkerSpec defaults() {
        return read(Optional.empty(), List.of(), List.of());
    }

    /**
     * Reads a worker file, or none.
     *
     * @param file YAML
     * @param slots {@code ROLE=NUMBER}, over the file
     * @param pollers {@code ROLE=NUMBER}, over the file
     * @throws InvalidInputException if the file or an option is at fault
     */
    public static WorkerSpec read(Optional<Path> file, List<String> slots, List<String> pollers) {
        Path name = file.orElse(Path.of("worker.yaml"));
        Setting.Block written = Defaults.worker();
        if (file.isPresent()) {
            written = written.overlaidBy(YamlReader.file(TextFiles.read(name), name.toString(), Place.Layer.FILE));
        }
        for (Setting.Block option : RunFile.overlay("--slots", slots)) {
            written = written.overlaidBy(Setting.Block.of("slots", option));
        }
        for (Setting.Block option : RunFile.overlay("--pollers", pollers)) {
            written = written.overlaidBy(Setting.Block.of("pollers", option));
        }
        Schema.check(WorkerSpec.class, written, name.toString());
        return RunFile.bind(WorkerSpec.class, written, (ObjectNode) written.json(), name);
    }
}
