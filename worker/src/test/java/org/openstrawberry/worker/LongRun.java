package org.openstrawberry.worker;

import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.workflow.v1.WorkflowExecutionInfo;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionRequest;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowExecutionMetadata;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.workflows.client.Strawberry;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * A run of very many very small iterations, on a real server with one worker, to see whether anything grows with their
 * number: memory, history, seconds an iteration. Linux only: it reads {@code /proc}.
 */
@Command(name = "long-run", mixinStandardHelpOptions = true, description = "Does anything grow in a long run?")
final class LongRun implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final double MIB = 1024.0 * 1024.0;

    @Option(names = "--iterations", description = "By default ${DEFAULT-VALUE}.")
    private int iterations = 10_000;

    @Option(names = "--rows", description = "Rows of the table; by default ${DEFAULT-VALUE}.")
    private int rows = 10;

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new LongRun()).execute(arguments));
    }

    private List<String> settings() {
        return List.of(
                "warmup.steps=20",
                "warmup.batch=16",
                "sampling.prompts=2",
                "sampling.branches=2",
                "sampling.shards=1",
                "sampling.max-new-tokens=6",
                "pairs.per-prompt=1",
                "reward.verifier={kind: regex, pattern: '[1=]'}",
                "reference.every=50",
                "evaluation.every=1000",
                "checkpoints.every=500",
                "checkpoints.keep-last=2",
                "until.iterations=" + iterations);
    }

    @Override
    public Integer call() throws Exception {
        try (ServerRun run = new ServerRun("long-run")) {
            Process server = run.processes().startServer();
            Process worker = run.processes().worker("worker");
            run.start(settings());
            try (Strawberry strawberry = run.connect()) {
                watch(run, server, worker, strawberry.client());
                System.out.println();
                System.out.println(run.processes()
                        .strawberry(
                                "result",
                                ServerRun.ID,
                                "--server",
                                run.processes().server())
                        .strip());
            }
            DurableFiles.deleteFolder(run.folder());
            return 0;
        }
    }

    private void watch(ServerRun run, Process server, Process worker, WorkflowClient client) throws Exception {
        ServerRun.head(
                "iteration",
                "s/iteration",
                "worker heap after GC, MiB",
                "worker RSS, MiB",
                "server RSS, MiB",
                "database, MiB",
                "executions",
                "longest history, events",
                "largest history, MiB",
                "run directory, files",
                "MiB");
        await(run, 1, worker);
        Instant since = Instant.now();
        int last = 1;
        for (int row = 0; row <= rows; row++) {
            int iteration = Math.max(1, (int) ((long) iterations * row / rows));
            await(run, iteration, worker);
            double seconds = Duration.between(since, Instant.now()).toMillis() / 1000.0;
            Histories histories = histories(client);
            DirectorySize size = DirectorySize.of(run.directory());
            ServerRun.row(
                    iteration,
                    iteration == last ? "" : decimals(3, seconds / (iteration - last)),
                    worker.isAlive() ? decimals(1, heapAfterCollection(worker) / MIB) : "",
                    resident(worker),
                    resident(server),
                    decimals(1, databaseBytes(run) / MIB),
                    histories.executions(),
                    histories.longest(),
                    decimals(2, histories.largest() / MIB),
                    size.files(),
                    decimals(1, size.bytes() / MIB));
            // What the measuring itself takes (a full collection, a walk) is not the run's.
            since = Instant.now();
            last = newest(run, iteration);
        }
    }

    /** The last iteration that is finished, from one that is. */
    private static int newest(ServerRun run, int from) {
        int iteration = from;
        while (Files.exists(run.directory().resolve(RunLayout.iterationRecord(iteration + 1)))) {
            iteration++;
        }
        return iteration;
    }

    private static void await(ServerRun run, int iteration, Process worker) throws Exception {
        Instant progress = Instant.now();
        int known = Math.max(0, iteration - 1);
        while (known > 0 && !Files.exists(run.directory().resolve(RunLayout.iterationRecord(known)))) {
            known--;
        }
        while (known < iteration) {
            if (Files.exists(run.directory().resolve(RunLayout.iterationRecord(known + 1)))) {
                known++;
                progress = Instant.now();
            } else if (!worker.isAlive() || progress.plus(PATIENCE).isBefore(Instant.now())) {
                throw new IllegalStateException(
                        "no iteration after " + known + "; the processes' output is in " + run.folder());
            } else {
                Thread.sleep(20);
            }
        }
    }

    /** What the server keeps of the run: it continues as new before a history grows long. */
    private record Histories(long executions, long longest, long largest) {}

    private static Histories histories(WorkflowClient client) {
        WorkflowExecutionInfo current = client.getWorkflowServiceStubs()
                .blockingStub()
                .describeWorkflowExecution(DescribeWorkflowExecutionRequest.newBuilder()
                        .setNamespace(client.getOptions().getNamespace())
                        .setExecution(WorkflowExecution.newBuilder().setWorkflowId(ServerRun.ID))
                        .build())
                .getWorkflowExecutionInfo();
        // Listings lag a little behind; the one that is open is described instead.
        List<WorkflowExecutionInfo> all;
        try (Stream<WorkflowExecutionMetadata> listed = client.listExecutions("WorkflowId = '" + ServerRun.ID + "'")) {
            all = Stream.concat(
                            listed.map(WorkflowExecutionMetadata::getWorkflowExecutionInfo)
                                    .filter(info -> !info.getExecution()
                                            .getRunId()
                                            .equals(current.getExecution().getRunId())),
                            Stream.of(current))
                    .toList();
        }
        return new Histories(
                all.size(),
                all.stream()
                        .mapToLong(WorkflowExecutionInfo::getHistoryLength)
                        .max()
                        .orElse(0),
                all.stream()
                        .mapToLong(WorkflowExecutionInfo::getHistorySizeBytes)
                        .max()
                        .orElse(0));
    }

    /** Bytes of live objects; asking for them makes the process collect its garbage. */
    private static long heapAfterCollection(Process process) throws IOException, InterruptedException {
        Process histogram = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                        Long.toString(process.pid()),
                        "GC.class_histogram")
                .start();
        String text = new String(histogram.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        histogram.waitFor();
        Matcher total = Pattern.compile("(?m)^Total\\s+\\d+\\s+(\\d+)").matcher(text);
        return total.find() ? Long.parseLong(total.group(1)) : 0;
    }

    /** Resident memory in MiB; nothing of a process that has ended. */
    private static String resident(Process process) throws IOException {
        Path status = Path.of("/proc", Long.toString(process.pid()), "status");
        Matcher resident = Pattern.compile("(?m)^VmRSS:\\s+(\\d+) kB").matcher(Files.readString(status));
        return resident.find() ? decimals(0, Long.parseLong(resident.group(1)) / 1024.0) : "";
    }

    private static long databaseBytes(ServerRun run) throws IOException {
        long bytes = 0;
        for (Path file : DurableFiles.list(run.folder())) {
            bytes += file.getFileName().toString().startsWith("temporal.db") ? Files.size(file) : 0;
        }
        return bytes;
    }

    private record DirectorySize(long files, long bytes) {
        static DirectorySize of(Path directory) throws IOException {
            long[] counted = new long[2];
            Files.walkFileTree(directory, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                    counted[0]++;
                    counted[1] += attributes.size();
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException e) {
                    return FileVisitResult.CONTINUE; // a temporary file that has gone meanwhile
                }
            });
            return new DirectorySize(counted[0], counted[1]);
        }
    }

    private static String decimals(int places, double value) {
        return String.format(Locale.ROOT, "%." + places + "f", value);
    }
}
