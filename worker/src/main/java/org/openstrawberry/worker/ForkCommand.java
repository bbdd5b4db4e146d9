package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.run.Fork;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.client.Strawberry;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** A new run from an iteration of another one, on a server or from a run directory. */
@Command(
        name = "fork",
        mixinStandardHelpOptions = true,
        description =
                "Start a new run from an iteration of another, with changed settings. From a run directory, without"
                        + " --server: prepare its directory, for ./strawberry train.")
final class ForkCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "ID|RUN_DIR", description = "The other run, on a server or by its directory.")
    private String parent = "";

    @Option(
            names = "--at-iteration",
            required = true,
            paramLabel = "N",
            description = "The last iteration that is the other run's; 0 for the policy after the warm-up.")
    private int iteration;

    @Option(names = "--set", paramLabel = "path=value", description = "Changes one setting; may be repeated.")
    private List<String> sets = List.of();

    @Option(names = "--id", paramLabel = "NEWID", description = "The new run's id; by default ID-at-N.")
    private @Nullable String id;

    @Option(
            names = "--run-dir",
            paramLabel = "DIR",
            description = "Where the new run lives; by default NEWID beside the other run's directory.")
    private @Nullable Path runDirectory;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Mixin
    private ServerOptions server = new ServerOptions();

    @Override
    public Integer call() throws Exception {
        Path directory = Path.of(parent).toAbsolutePath().normalize();
        boolean byDirectory = Files.exists(directory.resolve(RunLayout.RUN_FILE));
        boolean looksLikePath = Files.isDirectory(directory) || (parent.contains("/") && !server.given());
        if (!byDirectory && looksLikePath) {
            throw new InvalidInputException(parent + ": not a run directory, it has no " + RunLayout.RUN_FILE);
        }
        String parentId = byDirectory ? String.valueOf(directory.getFileName()) : parent;
        String newId = id == null ? parentId + "-at-" + iteration : id;
        if (byDirectory && !server.given()) {
            print(fork(directory, parentId, newId), newId, false);
            return 0;
        }
        try (Strawberry temporal = server.connect()) {
            Path from =
                    byDirectory ? directory : Path.of(temporal.attach(parent).directory());
            if (temporal.has(newId)) {
                throw new InvalidInputException(
                        newId + ": there is a run of that id on " + temporal.address() + "; expected another --id");
            }
            RunPreparation fork = fork(from, parentId, newId);
            fork.start(temporal, newId);
            print(fork, newId, true);
            return 0;
        }
    }

    private RunPreparation fork(Path from, String parentId, String newId) {
        if (runDirectory == null && newId.matches("\\.*|.*[/\\\\].*")) {
            throw new InvalidInputException("--run-dir: needed, since the id " + newId + " can't name a directory");
        }
        Path target = (runDirectory == null ? from.resolveSibling(newId) : runDirectory)
                .toAbsolutePath()
                .normalize();
        RunSpec spec = Fork.of(from, iteration).into(target, parentId, sets);
        return new RunPreparation(spec, target);
    }

    private void print(RunPreparation fork, String newId, boolean started) throws Exception {
        String next = started
                ? "./strawberry watch " + newId
                : "./strawberry train " + fork.directory().resolve(RunLayout.RUN_FILE) + " --run-dir "
                        + fork.directory();
        if (json) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("id", newId);
            line.put("directory", fork.directory().toString());
            line.put("iteration", iteration);
            line.put("started", started);
            line.put("next", next);
            System.out.println(new ObjectMapper().writeValueAsString(line));
        } else {
            System.out.println(newId + ": forked at iteration " + iteration + " in " + fork.directory()
                    + (started ? ", running; " : "; to train it: ") + next);
        }
    }
}
